package gateway

import (
	"net/http"
	"strings"

	"souk/router/execute"
	"souk/router/internal/accept"
	"souk/router/subscribe"
)

// A mediaType is a way to answer.
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

// accepted is what a client takes: the best type of a single response, a
// response in parts, a stream, a page.
type accepted struct {
	single mediaType
	// parts is multipart/mixed for @defer, in this form; parameter is what the
	// client called the form, if it did.
	parts     bool
	form      execute.Incremental
	parameter string
	// events is text/event-stream.
	events bool
	html   bool
	// subscription is multipart/mixed in the form of Apollo's protocol for
	// subscriptions.
	subscription bool
}

// negotiate reads the Accept header (RFC 9110, section 12.5.1). For each type
// of a single response the most specific range that matches decides. The type
// with the higher weight is taken. Of equal weights, the type that the client
// names goes before one that only a wildcard covers: application/json for
// `application/json, */*`. Where both are named, the client knows
// application/graphql-response+json, so it gets that; where neither is, or
// there is no header, it gets application/json, which every client reads
// (GraphQL over HTTP, section Accept).
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

// A match is how the ranges of an Accept header cover one type, by the most
// specific of them.
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

// exactly is by for a range that names the type. Responses are in UTF-8 only.
func (m *match) exactly(parameters string, weight int) {
	switch charset, ok := accept.Parameter(parameters, "charset"); {
	case !ok:
		m.by(named, weight)
	case strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8"):
		m.by(namedWithCharset, weight)
	}
}

// incrementalForm says which form of responses to @defer a multipart/mixed with
// these parameters asks for: that of the current draft as it stands or as
// incrementalSpec=v0.2, that of August 2022 as deferSpec=20220824 (Apollo Client
// 3, Apollo Kotlin and Apollo iOS) or incrementalSpec=v0.1. Clients that ask for
// another form, or for subscriptions (subscriptionSpec), are given whatever else
// they accept.
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

// deferSpec is what Apollo's clients call the form of August 2022.
const deferSpec = "20220824"

// subscriptionForm says whether a multipart/mixed with these parameters asks for
// Apollo's protocol for subscriptions.
func subscriptionForm(parameters string) bool {
	spec, given := accept.Parameter(parameters, "subscriptionspec")
	return given && spec == subscribe.SubscriptionSpec
}

// wantsPage says whether a request comes from a browser's address bar.
func (a accepted) wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && a.html && !r.URL.Query().Has("query")
}
