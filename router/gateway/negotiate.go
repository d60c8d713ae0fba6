package gateway

import (
	"net/http"
	"strings"
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
	// parts is multipart/mixed in the form of the incremental delivery draft;
	// parameter is what the client called that form, if it did.
	parts     bool
	parameter string
	// events is text/event-stream.
	events bool
	html   bool
}

// negotiate reads the Accept header (RFC 9110, section 12.5.1). Of the types
// for single responses the one with the highest weight is taken, of equal ones
// application/graphql-response+json; without a header it is application/json,
// which is what clients get who do not know better (GraphQL over HTTP, section
// 6.4.1 as of its watershed).
func negotiate(header []string) accepted {
	if len(header) == 0 {
		return accepted{single: plainJSON}
	}
	if len(header) == 1 {
		switch header[0] {
		case "application/json", "":
			return accepted{single: plainJSON}
		case "*/*", "application/graphql-response+json":
			return accepted{single: graphQLResponse}
		}
	}
	var out accepted
	graphql, plain, parts := -1, -1, -1
	eachMember(header, func(name, parameters string, weight int) {
		switch name {
		case "multipart/mixed":
			if form, ok := incrementalForm(parameters); ok && weight > parts {
				parts, out.parameter = weight, form
			}
		case "application/graphql-response+json":
			graphql = weight
		case "application/json":
			plain = weight
		case "text/event-stream":
			out.events = weight > 0
		case "text/html":
			out.html = weight > 0
		}
	})
	eachWeighted(header, func(name string, weight int) {
		if name == "*/*" || name == "application/*" {
			if graphql < 0 {
				graphql = weight
			}
			if plain < 0 {
				plain = weight
			}
		}
	})
	switch {
	case graphql > 0 && graphql >= plain:
		out.single = graphQLResponse
	case plain > 0:
		out.single = plainJSON
	}
	out.parts = parts > 0 && parts >= max(graphql, plain)
	return out
}

// incrementalForm says whether a multipart/mixed with these parameters asks for
// responses in the form of the current draft: as it stands, or with the name
// that Apollo's clients have for it. Clients that ask for an earlier form
// (deferSpec), which has no pending and completed, or for subscriptions
// (subscriptionSpec), are given whatever else they accept: complete responses.
func incrementalForm(parameters string) (parameter string, ok bool) {
	for p := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(p, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "deferspec", "subscriptionspec":
			return "", false
		case "incrementalspec":
			if value != incrementalSpec {
				return "", false
			}
			parameter = "incrementalSpec=" + value
		}
	}
	return parameter, true
}

// incrementalSpec is what Apollo's clients call the form of the draft with
// pending, incremental and completed.
const incrementalSpec = "v0.2"

// eachWeighted visits the members of a header that is a list of names with
// weights from 0 to 1000.
func eachWeighted(header []string, visit func(name string, weight int)) {
	eachMember(header, func(name, _ string, weight int) { visit(name, weight) })
}

func eachMember(header []string, visit func(name, parameters string, weight int)) {
	for _, line := range header {
		for member := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(member, ";")
			name = strings.ToLower(strings.TrimSpace(name))
			weight := 1000
			for p := range strings.SplitSeq(parameters, ";") {
				key, value, _ := strings.Cut(p, "=")
				if strings.EqualFold(strings.TrimSpace(key), "q") {
					weight = parseWeight(strings.TrimSpace(value))
				}
			}
			if name != "" {
				visit(name, parameters, weight)
			}
		}
	}
}

// parseWeight reads a qvalue (RFC 9110, section 12.4.2); what is not one
// counts as 0.
func parseWeight(s string) int {
	whole, fraction, _ := strings.Cut(s, ".")
	if (whole != "0" && whole != "1") || len(fraction) > 3 {
		return 0
	}
	weight := int(whole[0]-'0') * 1000
	for i, unit := 0, 100; i < len(fraction); i, unit = i+1, unit/10 {
		if fraction[i] < '0' || fraction[i] > '9' {
			return 0
		}
		weight += int(fraction[i]-'0') * unit
	}
	return min(weight, 1000)
}

// wantsPage says whether a request comes from a browser's address bar.
func (a accepted) wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && a.html && !r.URL.Query().Has("query")
}
