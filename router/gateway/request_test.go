package gateway

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzParseBody: what is read from a body is what encoding/json reads, and what
// it does not accept is refused.
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
			t.Fatalf("%q was accepted", body)
		}
		// encoding/json takes keys in any case, and the last of equal ones.
		if !readable || strings.Count(strings.ToLower(string(body)), "query") > 1 || !bytes.Contains(body, []byte(`"query"`)) {
			return
		}
		switch {
		case (want.Query == nil) != (got.document == nil):
			t.Errorf("%q: query is %q", body, got.document)
		case want.Query != nil && *want.Query != string(got.document):
			t.Errorf("%q: query is %q, want %q", body, got.document, *want.Query)
		}
	})
}

// TestCacheKeepsWhatIsUsed: the clock's hand passes over what was looked up.
func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := newCache[int](4, nil)
	for i, key := range []string{"a", "b", "c", "d"} {
		c.put(key, i)
	}
	c.put("e", 4) // all were new: one of them goes
	if c.len() != 4 {
		t.Fatalf("%d entries", c.len())
	}
	kept := func(key string) bool { _, ok := c.get([]byte(key)); return ok }
	for i := range 100 {
		if !kept("d") {
			t.Fatalf("what is used was dropped in round %d", i)
		}
		c.put("new"+strings.Repeat("x", i), i)
	}
	if c.len() != 4 {
		t.Errorf("%d entries", c.len())
	}
	if got := c.put("d", 100); got != 3 {
		t.Errorf("what is there was replaced: %d", got)
	}
}

func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]mediaType{
		"application/graphql-response+json; charset=utf-8, application/json; charset=utf-8": graphQLResponse,
		"application/json, application/graphql-response+json":                               graphQLResponse,
		"application/json;q=1, application/graphql-response+json;q=0.9":                     plainJSON,
		"application/*":                              graphQLResponse,
		"text/html, */*;q=0.1":                       graphQLResponse,
		"application/graphql-response+json;q=0, */*": plainJSON,
		"application/json;q=0":                       noMediaType,
		"application/json;q=1.5":                     plainJSON,
		"application/json;q=x":                       noMediaType,
		"text/event-stream":                          noMediaType,
		"APPLICATION/JSON":                           plainJSON,
		"":                                           plainJSON,
	} {
		if got := negotiate([]string{accept}); got.single != want {
			t.Errorf("%q: got %d, want %d", accept, got.single, want)
		}
	}
	if got := negotiate(nil); got.single != plainJSON {
		t.Errorf("no header: got %d", got.single)
	}
	if got := negotiate([]string{"text/html", "text/event-stream;q=0.2"}); !got.events || !got.html {
		t.Errorf("got %+v", got)
	}
}
