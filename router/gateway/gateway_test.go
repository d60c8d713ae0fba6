package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// sdl is a supergraph of one subgraph.
const sdl = `
schema @link(url: "https://specs.apollo.dev/link/v1.0") @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION) {
  query: Query
  mutation: Mutation
  subscription: Subscription
}
directive @link(url: String, as: String, for: link__Purpose, import: [link__Import]) repeatable on SCHEMA
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @join__type(graph: join__Graph!, key: join__FieldSet, extension: Boolean! = false, resolvable: Boolean! = true, isInterfaceObject: Boolean! = false) repeatable on OBJECT | INTERFACE | UNION | ENUM | INPUT_OBJECT | SCALAR
directive @join__field(graph: join__Graph, requires: join__FieldSet, provides: join__FieldSet, type: String, external: Boolean, override: String, usedOverridden: Boolean) repeatable on FIELD_DEFINITION | INPUT_FIELD_DEFINITION
scalar join__FieldSet
scalar link__Import
enum link__Purpose { SECURITY EXECUTION }
enum join__Graph { A @join__graph(name: "a", url: "http://a.invalid/graphql") }
type Query @join__type(graph: A) { hello(name: String = "world"): String  fail: String  long: String }
type Mutation @join__type(graph: A) { add(n: Int!): Int }
type Subscription @join__type(graph: A) { count(to: Int!): Int }
`

// A subgraph answers by what is asked of it. It is an http.Handler and, since
// the gateway is what is tested here, its own transport to that handler.
type subgraph struct {
	mu    sync.Mutex
	asked []string
	// hold, unless nil, is received from before an answer is given.
	hold chan struct{}
}

func (s *subgraph) answer(query string, _ map[string]any) string {
	s.mu.Lock()
	s.asked = append(s.asked, query)
	s.mu.Unlock()
	if s.hold != nil {
		<-s.hold
	}
	data := []string{}
	for field, value := range map[string]string{"hello": `"hi"`, "add": "3", "long": `"` + strings.Repeat("abc ", 1000) + `"`} {
		if strings.Contains(query, field) {
			data = append(data, `"`+field+`":`+value)
		}
	}
	if strings.Contains(query, "fail") {
		data = append(data, `"fail":null`)
		return `{"data":{` + strings.Join(data, ",") + `},"errors":[{"message":"no","path":["fail"]}]}`
	}
	return `{"data":{` + strings.Join(data, ",") + `}}`
}

func (s *subgraph) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *subgraph) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	var body struct {
		Query     string
		Variables map[string]any
	}
	if err := json.Unmarshal(r.Body.B, &body); err != nil {
		return nil, err
	}
	return response(s.answer(body.Query, body.Variables)), nil
}

func (s *subgraph) Subscribe(ctx context.Context, _ *execute.SubgraphRequest, event func(*execute.SubgraphResponse) error) error {
	for _, n := range []string{"1", "2", "3"} {
		if err := event(response(`{"data":{"count":` + n + `}}`)); err != nil {
			return err
		}
	}
	if s.hold != nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func response(text string) *execute.SubgraphResponse {
	b := execute.NewBuffer(len(text))
	b.B = append(b.B, text...)
	return &execute.SubgraphResponse{Status: http.StatusOK, Header: http.Header{}, Body: b}
}

// start serves a gateway over HTTP.
func start(t *testing.T, s *subgraph, configure func(*config.Config, *gateway.Options)) (*gateway.Gateway, string) {
	t.Helper()
	c := config.Default()
	o := gateway.Options{Supergraph: sdl, Transport: func(*supergraph.Model) (execute.Transport, func(), error) { return s, func() {}, nil }}
	if configure != nil {
		configure(&c, &o)
	}
	gw, err := gateway.New(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gw.Handler())
	t.Cleanup(func() { gw.Close(); server.Close() })
	return gw, server.URL
}

type reply struct {
	status int
	header http.Header
	body   string
}

// send makes one request; headers are given as "Name: value".
func send(t *testing.T, method, url, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == "POST" {
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Accept-Encoding", "identity")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Del(name)
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, response.Body); err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, b.String()}
}

// TestRedirectsToThePlaygroundKeepTheQuery: /?run is a link to a playground that
// runs its first example.
func TestRedirectsToThePlaygroundKeepTheQuery(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.Playground.Enabled = true })
	for _, path := range []string{"/?run&a=%20", "/graphql?run&a=%20"} {
		got := send(t, "GET", url+path, "", "Accept: text/html")
		if got.status != 302 || got.header.Get("Location") != "/playground/?run&a=%20" {
			t.Errorf("%s: %d, %q", path, got.status, got.header.Get("Location"))
		}
	}
}

// At / the playground is the page itself, and redirects nowhere.
func TestPlaygroundCanBeServedAtTheRoot(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.Playground.Enabled, c.Playground.Path = true, "/"
	})
	if got := send(t, "GET", url+"/", "", "Accept: text/html"); got.status != 200 {
		t.Errorf("%d, %q", got.status, got.header.Get("Location"))
	}
}

func TestStatusFollowsGraphQLOverHTTP(t *testing.T) {
	_, url := start(t, &subgraph{}, nil)
	url += "/graphql"
	const preflight = "GraphQL-Require-Preflight: 1"
	const strict = "Accept: application/graphql-response+json"
	for _, c := range []struct {
		name, method, url, body string
		headers                 []string
		status                  int
		contentType, contains   string
	}{
		{"query", "POST", url, `{"query":"{ hello }"}`, nil, 200, "application/json; charset=utf-8", `{"data":{"hello":"hi"}}`},
		{"new media type", "POST", url, `{"query":"{ hello }"}`, []string{strict}, 200, "application/graphql-response+json; charset=utf-8", `{"data":{"hello":"hi"}}`},
		{"weights", "POST", url, `{"query":"{ hello }"}`, []string{"Accept: application/graphql-response+json;q=0.5, application/json"}, 200, "application/json; charset=utf-8", `hi`},
		{"any type", "POST", url, `{"query":"{ hello }"}`, []string{"Accept: */*"}, 200, "application/json; charset=utf-8", `hi`},
		{"JSON before any type", "POST", url, `{"query":"{ hello }"}`, []string{"Accept: application/json, text/plain, */*"}, 200, "application/json; charset=utf-8", `hi`},
		{"no coding", "POST", url, `{"query":"{ hello }"}`, []string{"Accept-Encoding: identity;q=0, deflate"}, 406, "application/problem+json", `Accept-Encoding`},
		{"no coding at all", "POST", url, `{"query":"mutation { add(n: 1) }"}`, []string{"Accept-Encoding: *;q=0"}, 406, "application/problem+json", `Accept-Encoding`},
		{"escapes", "POST", url, `{"query":"{\n\t\u0068ello(name: \"a\\\"b\")\n}"}`, nil, 200, "", `hi`},
		{"escapes in member names", "POST", url, `{"qu\u0065ry":"query Q($n: String){ hello(name: $n) }","\u0076ariables":{"\u006e":"x"},"operation\u004eame":"Q"}`, nil, 200, "", `hi`},
		{"member twice", "POST", url, `{"query":"{ hello }","query":"{ fail }"}`, nil, 400, "", `The request has the member query twice.`},
		{"member twice, by an escape", "POST", url, `{"query":"{ hello }","qu\u0065ry":"{ fail }"}`, nil, 400, "", `twice`},
		{"variables twice", "POST", url, `{"query":"{ hello }","variables":null,"variables":{}}`, nil, 400, "", `The request has the member variables twice.`},
		{"parameter twice", "GET", url + "?query=%7Bhello%7D&query=%7Bfail%7D", "", []string{preflight}, 400, "", `The URL has the parameter query twice.`},
		{"a hash that is a number", "POST", url, `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":5}}}`, nil, 422, "", `"extensions.persistedQuery must be an object with the number 1 as version and a string as sha256Hash."`},
		{"a hash without a version", "POST", url, `{"extensions":{"persistedQuery":{"sha256Hash":"aa"}}}`, nil, 422, "", `"extensions.persistedQuery must be an object with the number 1 as version and a string as sha256Hash."`},
		{"a hash with a version in quotes", "POST", url, `{"extensions":{"persistedQuery":{"version":"1","sha256Hash":"aa"}}}`, nil, 422, "", `"extensions.persistedQuery must be an object with the number 1 as version`},
		{"a hash with another version", "POST", url, `{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"aa"}}}`, nil, 422, "", `"extensions.persistedQuery.version is 2, but only 1 is supported."`},
		{"a hash with the version 1.0", "POST", url, `{"extensions":{"persistedQuery":{"version":1.0,"sha256Hash":"aa"}}}`, nil, 422, "", `"PersistedQueryNotFound"`},
		{"unknown member twice", "POST", url, `{"query":"{ hello }","id":1,"id":2}`, nil, 200, "", `hi`},
		{"variables", "POST", url, `{"query":"query Q($n: String){ hello(name: $n) }","variables":{"n":"x"},"operationName":"Q"}`, nil, 200, "", `hi`},
		{"get", "GET", url + "?query=%7Bhello%7D", "", []string{preflight}, 200, "", `{"data":{"hello":"hi"}}`},
		{"introspection", "POST", url, `{"query":"{ __schema { queryType { name } } __typename }"}`, nil, 200, "", `{"data":{"__schema":{"queryType":{"name":"Query"}},"__typename":"Query"}}`},
		{"partial", "POST", url, `{"query":"{ hello fail }"}`, []string{strict}, 200, "", `"hello":"hi"`},

		{"broken JSON", "POST", url, `{"query":`, nil, 400, "application/json; charset=utf-8", `not valid JSON: unexpected end of JSON at byte 9`},
		{"two values", "POST", url, `{} {}`, nil, 400, "", `not valid JSON: unexpected character '{' at byte 3`},
		{"syntax", "POST", url, `{"query":"{ hello"}`, nil, 400, "", `"code":"GRAPHQL_PARSE_FAILED"`},
		{"validation", "POST", url, `{"query":"{ helo }"}`, nil, 422, "", `Did you mean \"hello\"?","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}`},
		{"no query", "POST", url, `{}`, nil, 422, "", `no query`},
		{"list", "POST", url, `[{"query":"{ hello }"}]`, nil, 422, "", `Batching is disabled`},
		{"string", "POST", url, `"{ hello }"`, nil, 422, "", `must be a JSON object with a query, not a string`},
		{"query is a number", "POST", url, `{"query":1}`, nil, 422, "", `query must be a string, not a number`},
		{"variables are a list", "POST", url, `{"query":"{ hello }","variables":[]}`, nil, 422, "", `variables must be an object, not an array`},
		{"coercion", "POST", url, `{"query":"query($n: String!){ hello(name: $n) }","variables":{"n":5}}`, nil, 422, "", `"code":"BAD_USER_INPUT"`},
		{"operation unknown", "POST", url, `{"query":"query A { hello }","operationName":"B"}`, nil, 422, "", `"code":"OPERATION_RESOLUTION_FAILURE"`},
		{"get a mutation", "GET", url + "?query=mutation%7Badd(n:1)%7D", "", []string{preflight}, 405, "", `Use POST`},
		{"get a bad variable", "GET", url + "?query=%7Bhello%7D&variables=%7B", "", []string{preflight}, 400, "", `variables is not valid JSON`},
		{"get without header", "GET", url + "?query=%7Bhello%7D", "", nil, 403, "application/problem+json", `CSRF_PREVENTION`},
		{"patch", "PATCH", url, `{"query":"{ hello }"}`, nil, 405, "application/problem+json", `Method PATCH`},
		{"accept", "POST", url, `{"query":"{ hello }"}`, []string{"Accept: image/png"}, 406, "application/problem+json", `NOT_ACCEPTABLE`},
		{"accept names what there is", "POST", url, `{"query":"{ hello }"}`, []string{"Accept: multipart/mixed;deferSpec=20200101"}, 406, "application/problem+json",
			`Use application/graphql-response+json or application/json, multipart/mixed (with deferSpec=20220824 or incrementalSpec=v0.2) for @defer, or text/event-stream or multipart/mixed;subscriptionSpec=1.0 for subscriptions.`},
		{"subscription without stream", "POST", url, `{"query":"subscription { count(to: 3) }"}`, nil, 406, "application/problem+json",
			`Send Accept: text/event-stream or Accept: multipart/mixed;subscriptionSpec=1.0, or use a WebSocket with the subprotocol graphql-transport-ws.`},
		{"form", "POST", url, `query=x`, []string{"Content-Type: application/x-www-form-urlencoded"}, 403, "application/problem+json", `CSRF`},
		{"form, no browser", "POST", url, `query=x`, []string{"Content-Type: application/x-www-form-urlencoded", preflight}, 415, "application/problem+json", `UNSUPPORTED_MEDIA_TYPE`},
		{"charset", "POST", url, `{"query":"{ hello }"}`, []string{"Content-Type: application/json; charset=latin1"}, 415, "", `utf-8`},
		{"not compressed", "POST", url, `{"query":"{ hello }"}`, []string{"Content-Encoding: gzip"}, 400, "application/problem+json", `cannot be decoded as gzip`},
		{"unknown coding", "POST", url, `{"query":"{ hello }"}`, []string{"Content-Encoding: compress"}, 415, "application/problem+json", `Content-Encoding`},
		{"too long", "POST", url, `{"query":"{ hello }` + strings.Repeat(" ", 2<<20) + `"}`, nil, 413, "", `longer than 2097152 bytes`},
		{"url too long", "GET", url + "?query=" + strings.Repeat("x", 9000), "", []string{preflight}, 414, "", `Use POST`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, c.method, c.url, c.body, c.headers...)
			if got.status != c.status || !strings.Contains(got.body, c.contains) ||
				c.contentType != "" && got.header.Get("Content-Type") != c.contentType {
				t.Errorf("got %d %s %s", got.status, got.header.Get("Content-Type"), got.body)
			}
			if !json.Valid([]byte(got.body)) {
				t.Errorf("not JSON: %s", got.body)
			}
			if got.status == 405 && got.header.Get("Allow") == "" {
				t.Error("405 without Allow")
			}
		})
	}
}

// A router without subscriptions does not suggest how to subscribe.
func TestDisabledSubscriptionsAreNotOffered(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.Subscriptions.Enabled = false })
	url += "/graphql"
	if got := send(t, "POST", url, `{"query":"subscription { count(to: 3) }"}`); got.status != 406 || !strings.Contains(got.body, `"detail":"Subscriptions are disabled."`) {
		t.Errorf("a subscription: %d %s", got.status, got.body)
	}
	if got := send(t, "POST", url, `{"query":"{ hello }"}`, "Accept: image/png"); got.status != 406 || strings.Contains(got.body, "ubscription") {
		t.Errorf("a query: %d %s", got.status, got.body)
	}
}
