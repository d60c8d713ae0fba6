package console_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

type ran struct {
	Status      int
	ContentType string `json:"content_type"`
	Trace       *string
	Body        string
	Bytes       int
	Cut         bool
}

// run runs an operation from the console; in is the body of the request.
func (s *shop) run(t *testing.T, in string) (got ran) {
	t.Helper()
	res, body := s.api(t, http.MethodPost, "run", in)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", res.Status, body)
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// Outside development mode only a sample of requests has traces, but each run has one.
func TestRunHasResponseAndTrace(t *testing.T) {
	s := newShop(t, nil)
	for range 5 {
		got := s.run(t, `{"query":"query A { __typename } query Q($n: Int) { products(first: $n) { name } }","variables":{"n":2},"operation_name":"Q"}`)
		if got.Status != http.StatusOK || !strings.HasPrefix(got.ContentType, "application/graphql-response+json") || got.Bytes != len(got.Body) ||
			!strings.Contains(got.Body, `"products":[{"name":"n1"}`) || got.Trace == nil || got.Cut {
			t.Fatalf("got %+v", got)
		}
		trace := get[traceOf](t, s, "traces/"+*got.Trace)
		if len(trace.Fetches) != 1 || trace.Operation.Name != "Q" || trace.Client.Name != "souk-console" {
			t.Errorf("trace %+v", trace)
		}
	}
}

func TestRunIsSubjectToLimitsAndAuthentication(t *testing.T) {
	s := newShop(t, func(c *config.Config) {
		c.Limits.MaxDepth = 2
		c.RateLimit.Enabled, c.RateLimit.Requests, c.RateLimit.Interval = true, 3, time.Hour
	})
	for _, test := range []struct{ name, query, code string }{
		{"depth", "{ products { reviews { text } } }", "MAX_DEPTH"},
		{"authentication", "{ products { secret } }", "UNAUTH"},
		{"syntax", "{ products", "GRAPHQL_PARSE_FAILED"},
		{"rate", "{ products { id } }", "RATE_LIMIT"},
	} {
		if got := s.run(t, `{"query":"`+test.query+`"}`); !strings.Contains(got.Body, test.code) {
			t.Errorf("%s: %+v", test.name, got)
		}
	}
	// The rate is that of the console's caller, who has used it up on the public port, too.
	if res, _ := s.send(t, `{"query":"{ products { id } }"}`); res.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the public port responds with %s", res.Status)
	}
}

func TestRunSendsItsOwnHeadersOnly(t *testing.T) {
	s := newShop(t, func(c *config.Config) { c.Headers.All.Propagate = []string{"Authorization", "Cookie", "Tenant"} })
	seen := make(chan http.Header, 1)
	s.seen.Store(&seen)
	s.run(t, `{"query":"{ products { name } }","headers":{"tenant":"blue"}}`)
	if h := <-seen; h.Get("Tenant") != "blue" || h.Get("Authorization") != "" {
		t.Errorf("the subgraph got %v", h)
	}
	s.run(t, `{"query":"{ products { name } }","headers":{"Authorization":"Bearer mine"}}`)
	if h := <-seen; h.Get("Authorization") != "Bearer mine" {
		t.Errorf("the subgraph got %v", h)
	}
}

func TestRunRejectsRequests(t *testing.T) {
	s := newShop(t, nil)
	many := make(map[string]string, 51)
	for n := range 51 {
		many["X-"+strings.Repeat("a", n+1)] = "1"
	}
	tooMany, err := json.Marshal(map[string]any{"query": "{ __typename }", "headers": many})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, body, want string }{
		{"no JSON", `{`, "must be a JSON object"},
		{"unknown member", `{"query":"{ __typename }","x":1}`, "must be a JSON object"},
		{"variables", `{"query":"{ __typename }","variables":[]}`, "variables must be an object"},
		{"address", `{"query":"{ __typename }","headers":{"x-forwarded-for":"10.0.0.1"}}`, "cannot be set"},
		{"standard address", `{"query":"{ __typename }","headers":{"Forwarded":"for=10.0.0.1"}}`, "cannot be set"},
		{"host", `{"query":"{ __typename }","headers":{"Host":"a"}}`, "cannot be set"},
		{"length", `{"query":"{ __typename }","headers":{"Content-Length":"1"}}`, "cannot be set"},
		{"line break", `{"query":"{ __typename }","headers":{"A":"b\r\nC: d"}}`, "cannot be set"},
		{"many headers", string(tooMany), "at most 50"},
	} {
		res, body := s.api(t, http.MethodPost, "run", test.body)
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(body, test.want) {
			t.Errorf("%s: %s %s", test.name, res.Status, body)
		}
	}
	if res, _ := request(t, http.MethodPost, s.admin+"/console/api/run", `{"query":"{ __typename }"}`, "Content-Type: application/json"); res.StatusCode != http.StatusUnauthorized {
		t.Errorf("without the token: %s", res.Status)
	}
	if res, _ := s.api(t, http.MethodPost, "run", `{"query":"{ __typename }"}`, "Origin: http://evil.example", "Sec-Fetch-Site: cross-site"); res.StatusCode != http.StatusForbidden {
		t.Errorf("from a page of another origin: %s", res.Status)
	}
	if res, _ := request(t, http.MethodPost, s.admin+"/console/api/run", `{"query":"{ __typename }"}`, "Authorization: Bearer "+s.token, "Content-Type: text/plain"); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("as text: %s", res.Status)
	}
}

// A response of several megabytes is cut, and says so.
// Errors name the members of the body, and no types of Go.
func TestErrorsSayWhatIsWrongWithTheBody(t *testing.T) {
	s := newShop(t, nil)
	for _, c := range []struct{ path, body, want string }{
		{"run", `{"query":"{ __typename }","headers":["a"]}`, "headers cannot be a JSON array."},
		{"run", `{"query":"{ __typename }","headers":{"a":1}}`, "headers cannot be a JSON number."},
		{"run", `{"query":7}`, "query cannot be a JSON number."},
		{"plan", `{"query":"{ __typename }","explain":"yes"}`, "explain cannot be a JSON string."},
		{"plan", `["{ __typename }"]`, "it is a JSON array."},
		{"plan", `{"query":"{ __typename }","x":1}`, `it has the unknown member "x".`},
		{"plan", `{"query":"{ __typename }"`, "it ends too early."},
		{"plan", ` `, "it is empty."},
		{"plan", `{query:1}`, "invalid character 'q' looking for beginning of object key string at byte 2."},
	} {
		res, body := s.api(t, http.MethodPost, c.path, c.body)
		var got struct{ Detail string }
		if err := json.Unmarshal([]byte(body), &got); err != nil || res.StatusCode != http.StatusBadRequest || !strings.HasSuffix(got.Detail, ": "+c.want) {
			t.Errorf("%s: %s %s, want %q", c.body, res.Status, body, c.want)
		}
	}
}

func TestRunBoundsTheResponse(t *testing.T) {
	s := newShop(t, nil)
	s.long.Store(true)
	got := s.run(t, `{"query":"{ products { name } }"}`)
	if got.Status != http.StatusOK || len(got.Body) != 1<<20 || got.Bytes < 2<<20 || !got.Cut {
		t.Errorf("status %d, %d of %d bytes", got.Status, len(got.Body), got.Bytes)
	}
}
