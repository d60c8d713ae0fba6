package gateway

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzParseBody compares the parser of bodies with encoding/json: it reads the
// same values and accepts nothing that encoding/json rejects.
func FuzzParseBody(f *testing.F) {
	for _, seed := range []string{
		`{"query":"{ a }","operationName":null,"variables":{"a":[1,{"b":"\n"}]},"extensions":{},"documentId":"x"}`,
		`{"query":"\u007b \"a\" \\ \ud83d\ude00 \/ }"}`, ` { } `, `[]`, `{"query":1}`, `{"variables":null,"x":{"query":"no"}}`, `{"query":"\ud800"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		valid := json.Valid(body)
		var want struct {
			Query, OperationName  *string
			Variables, Extensions json.RawMessage
		}
		readable := json.Unmarshal(body, &want) == nil
		got, err := parseBody(bytes.Clone(body))
		if err != nil {
			return
		}
		if !valid {
			t.Fatalf("invalid body %q is accepted", body)
		}
		// encoding/json ignores the case of keys and uses the last of equal ones.
		if !readable || strings.Count(strings.ToLower(string(body)), "query") > 1 || !bytes.Contains(body, []byte(`"query"`)) {
			return
		}
		switch {
		case (want.Query == nil) != (got.document == nil):
			t.Errorf("%q: query = %q", body, got.document)
		case want.Query != nil && *want.Query != string(got.document):
			t.Errorf("%q: query = %q, want %q", body, got.document, *want.Query)
		}
	})
}

func TestNegotiatePrefersNamedTypes(t *testing.T) {
	const recommended = "application/graphql-response+json; charset=utf-8, application/json; charset=utf-8"
	for _, c := range []struct {
		name   string
		accept []string
		want   mediaType
	}{
		{name: "no header", accept: nil, want: plainJSON},
		{name: "empty", accept: []string{""}, want: plainJSON},
		{name: "empty members", accept: []string{" , "}, want: plainJSON},
		{name: "as recommended", accept: []string{recommended}, want: graphQLResponse},
		{name: "order of equal weights", accept: []string{"application/json, application/graphql-response+json"}, want: graphQLResponse},
		{name: "weights", accept: []string{"application/json;q=1, application/graphql-response+json;q=0.9"}, want: plainJSON},
		{name: "several lines", accept: []string{"application/json;q=0.5", "application/graphql-response+json"}, want: graphQLResponse},
		{name: "upper case", accept: []string{"APPLICATION/JSON"}, want: plainJSON},

		{name: "anything", accept: []string{"*/*"}, want: plainJSON},
		{name: "any application", accept: []string{"application/*"}, want: plainJSON},
		{name: "axios", accept: []string{"application/json, text/plain, */*"}, want: plainJSON},
		{name: "browser", accept: []string{"text/html, */*;q=0.1"}, want: plainJSON},
		{name: "old Java", accept: []string{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}, want: plainJSON},
		{name: "named before wildcard", accept: []string{"*/*, application/graphql-response+json"}, want: graphQLResponse},
		{name: "wildcard preferred", accept: []string{"*/*, application/graphql-response+json;q=0.5"}, want: plainJSON},
		{name: "wildcard for the rest", accept: []string{"application/json;q=0, */*"}, want: graphQLResponse},
		{name: "wildcard but one", accept: []string{"application/graphql-response+json;q=0, */*"}, want: plainJSON},
		{name: "specific before general", accept: []string{"application/*;q=0, */*"}, want: noMediaType},
		{name: "named before specific", accept: []string{"application/*;q=0, application/json;q=0.1, */*"}, want: plainJSON},
		{name: "specific type in any order", accept: []string{"*/*;q=0.9, application/json;q=0.1, application/graphql-response+json;q=0.2"}, want: graphQLResponse},

		{name: "refused", accept: []string{"application/json;q=0"}, want: noMediaType},
		{name: "weight too high", accept: []string{"application/json;q=1.5"}, want: plainJSON},
		{name: "no weight", accept: []string{"application/json;q=x"}, want: noMediaType},
		{name: "charset", accept: []string{"application/json;charset=\"UTF-8\""}, want: plainJSON},
		{name: "charset is more specific", accept: []string{"application/json;charset=utf-8;q=0.1, application/json, application/graphql-response+json;q=0.5"}, want: graphQLResponse},
		{name: "other charset", accept: []string{"application/json;charset=utf-16"}, want: noMediaType},
		{name: "comma in quotes", accept: []string{`text/x;y="a, application/graphql-response+json", application/json`}, want: plainJSON},
		{name: "stream only", accept: []string{"text/event-stream"}, want: noMediaType},
		{name: "image only", accept: []string{"image/*"}, want: noMediaType},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := negotiate(c.accept); got.single != c.want {
				t.Errorf("%q: got %d, want %d", c.accept, got.single, c.want)
			}
		})
	}
	if got := negotiate([]string{"text/html", "text/event-stream;q=0.2"}); !got.events || !got.html {
		t.Errorf("got %+v", got)
	}
}
