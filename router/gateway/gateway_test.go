package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"souk/internal/detach/detachtest"
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

// A subgraph responds to the fields in a request. It is an http.Handler and
// also its own transport to that handler.
type subgraph struct {
	mu    sync.Mutex
	asked []string
	// hold, unless nil, is received from before each response.
	hold chan struct{}
	// code is the code of the field fail's error.
	code string
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
		return `{"data":{` + strings.Join(data, ",") + `},"errors":[{"message":"no","path":["fail"]` + s.extensions() + `}]}`
	}
	return `{"data":{` + strings.Join(data, ",") + `}}`
}

func (s *subgraph) extensions() string {
	if s.code == "" {
		return ""
	}
	return `,"extensions":{"code":"` + s.code + `"}`
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

// start starts a gateway over HTTP.
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
	server := detachtest.NewServer(gw.Handler())
	t.Cleanup(func() { gw.Close(); server.Close() })
	return gw, server.URL
}

type reply struct {
	status int
	header http.Header
	body   string
}

// send sends one request; headers have the form "Name: value".
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
	return reply{status: response.StatusCode, header: response.Header, body: b.String()}
}

// /?run is a link to a playground that runs its first example.
func TestRedirectsToThePlaygroundKeepTheQuery(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) { c.Playground.Enabled = true })
	for _, path := range []string{"/?run&a=%20", "/graphql?run&a=%20"} {
		got := send(t, "GET", url+path, "", "Accept: text/html")
		if got.status != 302 || got.header.Get("Location") != "/playground/?run&a=%20" {
			t.Errorf("%s: got status %d, Location %q", path, got.status, got.header.Get("Location"))
		}
	}
}

// At / the playground is served without a redirect.
func TestPlaygroundCanBeServedAtTheRoot(t *testing.T) {
	_, url := start(t, &subgraph{}, func(c *config.Config, _ *gateway.Options) {
		c.Playground.Enabled, c.Playground.Path = true, "/"
	})
	if got := send(t, "GET", url+"/", "", "Accept: text/html"); got.status != 200 {
		t.Errorf("got status %d, Location %q", got.status, got.header.Get("Location"))
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
		{name: "query", method: "POST", url: url, body: `{"query":"{ hello }"}`, status: 200, contentType: "application/json; charset=utf-8", contains: `{"data":{"hello":"hi"}}`},
		{name: "new media type", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{strict}, status: 200, contentType: "application/graphql-response+json; charset=utf-8", contains: `{"data":{"hello":"hi"}}`},
		{name: "weights", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Accept: application/graphql-response+json;q=0.5, application/json"}, status: 200, contentType: "application/json; charset=utf-8", contains: `hi`},
		{name: "any type", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Accept: */*"}, status: 200, contentType: "application/json; charset=utf-8", contains: `hi`},
		{name: "JSON before any type", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Accept: application/json, text/plain, */*"}, status: 200, contentType: "application/json; charset=utf-8", contains: `hi`},
		{name: "no coding", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Accept-Encoding: identity;q=0, deflate"}, status: 406, contentType: "application/problem+json", contains: `Accept-Encoding`},
		{name: "no coding at all", method: "POST", url: url, body: `{"query":"mutation { add(n: 1) }"}`, headers: []string{"Accept-Encoding: *;q=0"}, status: 406, contentType: "application/problem+json", contains: `Accept-Encoding`},
		{name: "escapes", method: "POST", url: url, body: `{"query":"{\n\t\u0068ello(name: \"a\\\"b\")\n}"}`, status: 200, contains: `hi`},
		{name: "escapes in member names", method: "POST", url: url, body: `{"qu\u0065ry":"query Q($n: String){ hello(name: $n) }","\u0076ariables":{"\u006e":"x"},"operation\u004eame":"Q"}`, status: 200, contains: `hi`},
		{name: "member twice", method: "POST", url: url, body: `{"query":"{ hello }","query":"{ fail }"}`, status: 400, contains: `The request has the member query twice.`},
		{name: "member twice, by an escape", method: "POST", url: url, body: `{"query":"{ hello }","qu\u0065ry":"{ fail }"}`, status: 400, contains: `twice`},
		{name: "variables twice", method: "POST", url: url, body: `{"query":"{ hello }","variables":null,"variables":{}}`, status: 400, contains: `The request has the member variables twice.`},
		{name: "parameter twice", method: "GET", url: url + "?query=%7Bhello%7D&query=%7Bfail%7D", headers: []string{preflight}, status: 400, contains: `The URL has the parameter query twice.`},
		{name: "a hash that is a number", method: "POST", url: url, body: `{"extensions":{"persistedQuery":{"version":1,"sha256Hash":5}}}`, status: 422, contains: `"extensions.persistedQuery must be an object with the number 1 as version and a string as sha256Hash."`},
		{name: "a hash without a version", method: "POST", url: url, body: `{"extensions":{"persistedQuery":{"sha256Hash":"aa"}}}`, status: 422, contains: `"extensions.persistedQuery must be an object with the number 1 as version and a string as sha256Hash."`},
		{name: "a hash with a version in quotes", method: "POST", url: url, body: `{"extensions":{"persistedQuery":{"version":"1","sha256Hash":"aa"}}}`, status: 422, contains: `"extensions.persistedQuery must be an object with the number 1 as version`},
		{name: "a hash with another version", method: "POST", url: url, body: `{"extensions":{"persistedQuery":{"version":2,"sha256Hash":"aa"}}}`, status: 422, contains: `"extensions.persistedQuery.version is 2, but only 1 is supported."`},
		{name: "a hash with the version 1.0", method: "POST", url: url, body: `{"extensions":{"persistedQuery":{"version":1.0,"sha256Hash":"aa"}}}`, status: 422, contains: `"PersistedQueryNotFound"`},
		{name: "unknown member twice", method: "POST", url: url, body: `{"query":"{ hello }","id":1,"id":2}`, status: 200, contains: `hi`},
		{name: "variables", method: "POST", url: url, body: `{"query":"query Q($n: String){ hello(name: $n) }","variables":{"n":"x"},"operationName":"Q"}`, status: 200, contains: `hi`},
		{name: "get", method: "GET", url: url + "?query=%7Bhello%7D", headers: []string{preflight}, status: 200, contains: `{"data":{"hello":"hi"}}`},
		{name: "introspection", method: "POST", url: url, body: `{"query":"{ __schema { queryType { name } } __typename }"}`, status: 200, contains: `{"data":{"__schema":{"queryType":{"name":"Query"}},"__typename":"Query"}}`},
		{name: "partial", method: "POST", url: url, body: `{"query":"{ hello fail }"}`, headers: []string{strict}, status: 200, contains: `"hello":"hi"`},

		{name: "broken JSON", method: "POST", url: url, body: `{"query":`, status: 400, contentType: "application/json; charset=utf-8", contains: `not valid JSON: unexpected end of JSON at byte 9`},
		{name: "two JSON values", method: "POST", url: url, body: `{} {}`, status: 400, contains: `not valid JSON: unexpected character '{' at byte 3`},
		{name: "syntax", method: "POST", url: url, body: `{"query":"{ hello"}`, status: 400, contains: `"code":"GRAPHQL_PARSE_FAILED"`},
		{name: "validation", method: "POST", url: url, body: `{"query":"{ helo }"}`, status: 422, contains: `Did you mean \"hello\"?","locations":[{"line":1,"column":3}],"extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}`},
		{name: "no query", method: "POST", url: url, body: `{}`, status: 422, contains: `no query`},
		{name: "list", method: "POST", url: url, body: `[{"query":"{ hello }"}]`, status: 422, contains: `Batching is disabled`},
		{name: "string", method: "POST", url: url, body: `"{ hello }"`, status: 422, contains: `must be a JSON object with a query, not a string`},
		{name: "query is a number", method: "POST", url: url, body: `{"query":1}`, status: 422, contains: `query must be a string, not a number`},
		{name: "variables are a list", method: "POST", url: url, body: `{"query":"{ hello }","variables":[]}`, status: 422, contains: `variables must be an object, not an array`},
		{name: "coercion", method: "POST", url: url, body: `{"query":"query($n: String!){ hello(name: $n) }","variables":{"n":5}}`, status: 422, contains: `"code":"BAD_USER_INPUT"`},
		{name: "unknown operation", method: "POST", url: url, body: `{"query":"query A { hello }","operationName":"B"}`, status: 422, contains: `"code":"OPERATION_RESOLUTION_FAILURE"`},
		{name: "GET with a mutation", method: "GET", url: url + "?query=mutation%7Badd(n:1)%7D", headers: []string{preflight}, status: 405, contains: `Use POST`},
		{name: "GET with an invalid variable", method: "GET", url: url + "?query=%7Bhello%7D&variables=%7B", headers: []string{preflight}, status: 400, contains: `variables is not valid JSON`},
		{name: "GET without a header", method: "GET", url: url + "?query=%7Bhello%7D", status: 403, contentType: "application/problem+json", contains: `CSRF_PREVENTION`},
		{name: "patch", method: "PATCH", url: url, body: `{"query":"{ hello }"}`, status: 405, contentType: "application/problem+json", contains: `Method PATCH`},
		{name: "accept", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Accept: image/png"}, status: 406, contentType: "application/problem+json", contains: `NOT_ACCEPTABLE`},
		{name: "accept names what there is", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Accept: multipart/mixed;deferSpec=20200101"}, status: 406, contentType: "application/problem+json",
			contains: `Use application/graphql-response+json or application/json, multipart/mixed (with deferSpec=20220824 or incrementalSpec=v0.2) for @defer, or text/event-stream or multipart/mixed;subscriptionSpec=1.0 for subscriptions.`},
		{name: "subscription without stream", method: "POST", url: url, body: `{"query":"subscription { count(to: 3) }"}`, status: 406, contentType: "application/problem+json",
			contains: `Send Accept: text/event-stream or Accept: multipart/mixed;subscriptionSpec=1.0, or use a WebSocket with the subprotocol graphql-transport-ws.`},
		{name: "form", method: "POST", url: url, body: `query=x`, headers: []string{"Content-Type: application/x-www-form-urlencoded"}, status: 403, contentType: "application/problem+json", contains: `CSRF`},
		{name: "form, not from a browser", method: "POST", url: url, body: `query=x`, headers: []string{"Content-Type: application/x-www-form-urlencoded", preflight}, status: 415, contentType: "application/problem+json", contains: `UNSUPPORTED_MEDIA_TYPE`},
		{name: "charset", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Content-Type: application/json; charset=latin1"}, status: 415, contains: `utf-8`},
		{name: "not compressed", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Content-Encoding: gzip"}, status: 400, contentType: "application/problem+json", contains: `cannot be decoded as gzip`},
		{name: "unknown coding", method: "POST", url: url, body: `{"query":"{ hello }"}`, headers: []string{"Content-Encoding: compress"}, status: 415, contentType: "application/problem+json", contains: `Content-Encoding`},
		{name: "body too long", method: "POST", url: url, body: `{"query":"{ hello }` + strings.Repeat(" ", 2<<20) + `"}`, status: 413, contains: `longer than 2097152 bytes`},
		{name: "url too long", method: "GET", url: url + "?query=" + strings.Repeat("x", 9000), headers: []string{preflight}, status: 414, contains: `Use POST`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, c.method, c.url, c.body, c.headers...)
			if got.status != c.status || !strings.Contains(got.body, c.contains) ||
				c.contentType != "" && got.header.Get("Content-Type") != c.contentType {
				t.Errorf("got status %d, type %s, %s", got.status, got.header.Get("Content-Type"), got.body)
			}
			if !json.Valid([]byte(got.body)) {
				t.Errorf("got invalid JSON: %s", got.body)
			}
			if got.status == 405 && got.header.Get("Allow") == "" {
				t.Error("status 405 without Allow")
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
