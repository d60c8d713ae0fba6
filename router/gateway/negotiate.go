package gateway

import (
	"net/http"
	"strings"

	"souk/router/execute"
	"souk/router/internal/accept"
	"souk/router/subscribe"
)

// A mediaType is the media type of a single response.
type mediaType uint8

const (
	noMediaType mediaType = iota
	graphQLResponse
	plainJSON
)

const (
	graphQLResponseType = "application/graphql-response+json; charset=utf-8"
	jsonType            = "application/json; charset=utf-8"
)

// accepted is the result of negotiating the Accept header: which forms of response the
// client accepts.
type accepted struct {
	single mediaType
	// parts is set for multipart/mixed (incremental delivery), form is its format, and
	// parameter is the media type parameter to repeat in the response.
	parts     bool
	form      execute.Incremental
	parameter string
	// events is set for text/event-stream, html for text/html.
	events bool
	html   bool
	// subscription is set for multipart/mixed in Apollo's subscription protocol.
	subscription bool
}

// negotiate parses the Accept header (RFC 9110, section 12.5.1; GraphQL over HTTP,
// section Accept). For each type of a single response, the most specific matching range
// determines the weight. The type with the higher weight wins. At equal weight:
//
//   - A type that the client names precedes one that only a wildcard matches:
//     `application/json, */*` selects application/json.
//   - If it names both, application/graphql-response+json wins.
//   - If it names neither, or there is no header, application/json wins, which every
//     client can read.
func negotiate(header []string) accepted {
	if len(header) == 0 {
		return accepted{single: plainJSON}
	}
	if len(header) == 1 {
		switch header[0] {
		case "application/json", "*/*", "":
			return accepted{single: plainJSON}
		case "application/graphql-response+json":
			return accepted{single: graphQLResponse}
		}
	}
	var out accepted
	var graphql, plain match
	parts, members := 0, 0
	accept.Each(header, func(name, parameters string, weight int) {
		members++
		switch name {
		case "multipart/mixed":
			if weight > 0 && subscriptionForm(parameters) {
				out.subscription = true
			}
			if form, parameter, ok := incrementalForm(parameters); ok && weight > parts {
				parts, out.form, out.parameter = weight, form, parameter
			}
		case "application/graphql-response+json":
			graphql.exactly(parameters, weight)
		case "application/json":
			plain.exactly(parameters, weight)
		case "application/*":
			graphql.by(typeWildcard, weight)
			plain.by(typeWildcard, weight)
		case "*/*", "*": // the latter is what old Java versions send
			graphql.by(wildcard, weight)
			plain.by(wildcard, weight)
		case "text/event-stream":
			out.events = out.events || weight > 0
		case "text/html":
			out.html = out.html || weight > 0
		}
	})
	switch {
	case members == 0:
		out.single = plainJSON
	case graphql.weight > plain.weight, graphql.weight > 0 && graphql.weight == plain.weight && graphql.how >= named:
		out.single = graphQLResponse
	case plain.weight > 0:
		out.single = plainJSON
	}
	out.parts = parts > 0 && parts >= max(graphql.weight, plain.weight)
	return out
}

// A match is the most specific range in an Accept header that matches one type.
type match struct {
	how    specificity
	weight int
}

type specificity uint8

const (
	noMatch specificity = iota
	wildcard
	typeWildcard
	named
	namedWithCharset
)

func (m *match) by(how specificity, weight int) {
	if how > m.how || how == m.how && weight > m.weight {
		*m = match{how, weight}
	}
}

// exactly is like by for a range that names the type. A charset other than UTF-8 does
// not match, since all responses are in UTF-8.
func (m *match) exactly(parameters string, weight int) {
	switch charset, ok := accept.Parameter(parameters, "charset"); {
	case !ok:
		m.by(named, weight)
	case strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8"):
		m.by(namedWithCharset, weight)
	}
}

// incrementalForm returns the format of incremental delivery that a multipart/mixed
// range with these parameters requests:
//
//   - no parameter or incrementalSpec=v0.2: the current draft
//   - deferSpec=20220824 (Apollo Client 3, Apollo Kotlin, Apollo iOS) or
//     incrementalSpec=v0.1: the draft of August 2022
//
// ok is false for any other format and for subscriptions (subscriptionSpec). The range
// is then ignored.
func incrementalForm(parameters string) (form execute.Incremental, parameter string, ok bool) {
	if _, other := accept.Parameter(parameters, "subscriptionspec"); other {
		return 0, "", false
	}
	if spec, given := accept.Parameter(parameters, "deferspec"); given {
		return execute.Fragments, "deferSpec=" + spec, spec == deferSpec
	}
	switch spec, given := accept.Parameter(parameters, "incrementalspec"); {
	case !given:
		return execute.Pending, "", true
	case spec == "v0.2":
		return execute.Pending, "incrementalSpec=v0.2", true
	case spec == "v0.1":
		return execute.Fragments, "incrementalSpec=v0.1", true
	}
	return 0, "", false
}

// deferSpec is the name of the August 2022 format in Apollo's clients.
const deferSpec = "20220824"

// subscriptionParts is the media type of Apollo's subscription protocol.
const subscriptionParts = "multipart/mixed;subscriptionSpec=" + subscribe.SubscriptionSpec

// subscriptionForm reports whether a multipart/mixed range with these parameters
// requests Apollo's subscription protocol.
func subscriptionForm(parameters string) bool {
	spec, given := accept.Parameter(parameters, "subscriptionspec")
	return given && spec == subscribe.SubscriptionSpec
}

// wantsPage reports whether a request is a browser's navigation rather than a GraphQL
// request.
func (a accepted) wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && a.html && !r.URL.Query().Has("query")
}
