package probe

import (
	"context"
	"fmt"
	"net/http"
)

const overHTTP = "See https://graphql.github.io/graphql-over-http/."

// contentType checks the media type of the response to a valid query.
func (p *prober) contentType(r *response) {
	switch r.media {
	case graphqlMedia:
		p.pass(checkContentType, "", "")
	case jsonMedia:
		p.warn(checkContentType, "", fmt.Sprintf("the response is %s, though the request prefers %s", jsonMedia, graphqlMedia),
			"It works. With "+graphqlMedia+", clients can tell a GraphQL response with an error status from that of a proxy.")
	default:
		p.fail(checkContentType, "", fmt.Sprintf("the response has the media type %q", r.media), "Respond with "+graphqlMedia+" or "+jsonMedia+". "+overHTTP)
	}
}

func (p *prober) syntaxError(ctx context.Context) {
	p.refused(ctx, checkSyntaxError, `{ __typename `, "a document with a syntax error")
}

func (p *prober) validationError(ctx context.Context) {
	p.refused(ctx, checkInvalid, `{ soukProbeUnknownField }`, "a document with an unknown field")
}

// refused checks that a document is refused: with errors, without data, and with status 4xx
// for the media type of GraphQL. With application/json, status 200 is usual (GraphQL over
// HTTP, section 6.4).
func (p *prober) refused(ctx context.Context, check Check, document, what string) {
	r, err := p.send(ctx, document, nil)
	const advice = "Respond with errors and without data, and with status 400 if the media type is " + graphqlMedia + ". " + overHTTP
	switch {
	case err != nil:
		p.fail(check, "", what+" got no GraphQL response: "+err.Error(), advice)
	case len(r.errors) == 0:
		p.fail(check, "", what+" got no errors", advice)
	case r.errors[0].Message == "":
		p.fail(check, "", what+" got an error without a message", advice)
	case r.data != nil:
		p.fail(check, "", what+" got data", advice)
	case r.status >= http.StatusInternalServerError:
		p.fail(check, "", fmt.Sprintf("%s got status %d, as if the subgraph failed; routers retry that, and open their circuit breakers", what, r.status), advice)
	case r.media == graphqlMedia && r.status/100 == 2:
		p.fail(check, "", fmt.Sprintf("%s got status %d with %s", what, r.status, graphqlMedia), advice)
	case r.hasData:
		p.warn(check, "", what+` got "data": null, as if it were executed`, advice)
	default:
		p.pass(check, "", fmt.Sprintf("status %d", r.status))
	}
}

func (p *prober) notJSON(ctx context.Context) {
	r, _, err := p.exchange(ctx, []byte(`{"query": `))
	const advice = "Respond with status 400. " + overHTTP
	switch {
	case err != nil:
		p.fail(checkNotJSON, "", err.Error(), advice)
	case r.status/100 == 5:
		p.fail(checkNotJSON, "", fmt.Sprintf("a body that is not JSON got status %d, as if the subgraph failed", r.status), advice)
	case r.status/100 != 4:
		p.warn(checkNotJSON, "", fmt.Sprintf("a body that is not JSON got status %d", r.status), advice)
	default:
		p.pass(checkNotJSON, "", fmt.Sprintf("status %d", r.status))
	}
}
