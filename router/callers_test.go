package router_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/coder/websocket"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"souk/internal/detach/detachtest"
	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// tokenIssuer publishes a key and signs tokens with it.
type tokenIssuer struct {
	*httptest.Server
	private jwk.Key
	down    atomic.Bool
}

func newTokenIssuer(t *testing.T) *tokenIssuer {
	t.Helper()
	_, raw, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &tokenIssuer{}
	if i.private, err = jwk.Import(raw); err != nil {
		t.Fatal(err)
	}
	if err := i.private.Set(jwk.KeyIDKey, "1"); err != nil {
		t.Fatal(err)
	}
	public, err := i.private.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	good, err := json.Marshal(public)
	if err != nil {
		t.Fatal(err)
	}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if i.down.Load() {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"AKP","kid":"pq","alg":"ML-DSA-65","pub":"AA"},null,%s]}`, good)
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *tokenIssuer) token(t *testing.T, lifetime time.Duration) string {
	t.Helper()
	token, err := jwt.NewBuilder().Subject("42").Expiration(time.Now().Add(lifetime)).Build()
	if err != nil {
		t.Fatal(err)
	}
	signed, err := jwt.Sign(token, jwt.WithKey(jwa.EdDSA(), i.private))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

var helloRoutes = fstest.MapFS{"hello.graphql": {Data: []byte(`"Say hello" query hello @rest(method: GET, path: "/api/hello", result: "hello") { hello }`)}}

// serveHello starts a router with a subgraph that has the field hello.
func serveHello(t *testing.T, log io.Writer, change func(*config.Config)) string {
	t.Helper()
	return serveSupergraph(t, smallSDL, log, change)
}

func serveSupergraph(t *testing.T, supergraph string, log io.Writer, change func(*config.Config)) string {
	t.Helper()
	sub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"data":{"hello":"hi"}}`)
	}))
	t.Cleanup(sub.Close)
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: log, LogLevel: "debug"})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.OverrideSubgraphURLs = config.SubgraphURLs{"a": {sub.URL}}
	change(&c)
	r, err := router.New(t.Context(), c, router.Options{Supergraph: supergraph, Routes: helloRoutes, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	server := detachtest.NewServer(r.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

type answer struct {
	status int
	header http.Header
	body   string
}

// call sends an operation over GraphQL or REST; headers have the form "Name: value".
func call(t *testing.T, url, path string, headers ...string) answer {
	t.Helper()
	method, body := http.MethodGet, ""
	if path == "/graphql" {
		method, body = http.MethodPost, `{"query":"{ hello }"}`
	}
	res, text := ask(t, method, url+path, body, append([]string{"Content-Type: application/json"}, headers...)...)
	return answer{status: res.StatusCode, header: res.Header, body: text}
}

// refusal returns the code and message of a GraphQL or problem response.
func (a answer) refusal(t *testing.T) (code, message string) {
	t.Helper()
	var body struct {
		Code, Detail string
		Errors       []struct {
			Message    string
			Extensions struct{ Code string }
		}
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	if a.header.Get("Content-Type") == "application/problem+json" {
		return body.Code, body.Detail
	}
	if len(body.Errors) != 1 {
		t.Fatalf("got %s, want one error", a.body)
	}
	return body.Errors[0].Extensions.Code, body.Errors[0].Message
}

// GraphQL and REST reject a token with the same status, code, message and headers.
func TestGraphQLAndRESTRefuseTokensAlike(t *testing.T) {
	i := newTokenIssuer(t)
	required := serveHello(t, io.Discard, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}}
		c.Authentication.JWT.Required = true
	})
	optional := serveHello(t, io.Discard, func(c *config.Config) { c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}} })
	good := "Authorization: Bearer " + i.token(t, time.Hour)
	const missing, none, bad = "Missing access token. Send Authorization: Bearer <token>.", "Bearer", `Bearer error="invalid_token"`
	for _, path := range []string{"/graphql", "/api/hello"} {
		for _, c := range []struct {
			name, url          string
			headers            []string
			message, challenge string // empty for success
		}{
			{name: "a good token", url: required, headers: []string{good}},
			{name: "no token", url: required, message: missing, challenge: none},
			{name: "Basic", url: required, headers: []string{"Authorization: Basic YTpi"}, message: missing, challenge: none},
			{name: "no token, optional", url: optional},
			{name: "Basic, optional", url: optional, headers: []string{"Authorization: Basic YTpi"}},
			{name: "an expired token", url: optional, headers: []string{"Authorization: Bearer " + i.token(t, -time.Hour)}, message: "Invalid access token: it has expired (exp).", challenge: bad},
			{name: "not a JWT", url: optional, headers: []string{"Authorization: Bearer x"}, message: "Invalid access token: it is not a signed JWT.", challenge: bad},
			{name: "two", url: optional, headers: []string{good, "Authorization: Basic YTpi"}, message: "Invalid access token: the request has the header Authorization more than once.", challenge: bad},
		} {
			got := call(t, c.url, path, c.headers...)
			if c.message == "" {
				if got.status != 200 || !strings.Contains(got.body, "hi") {
					t.Errorf("%s, %s: got status %d, %s", path, c.name, got.status, got.body)
				}
				continue
			}
			code, message := got.refusal(t)
			if got.status != 401 || code != "UNAUTHENTICATED" || message != c.message || got.header.Get("WWW-Authenticate") != c.challenge || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s, %s: got status %d, headers %v, %s", path, c.name, got.status, got.header, got.body)
			}
		}
	}
}

// A key set may be a file. Without it, the router does not start.
func TestKeySetsInFiles(t *testing.T) {
	i, other := newTokenIssuer(t), newTokenIssuer(t)
	_, document := ask(t, http.MethodGet, i.URL, "")
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	url := serveHello(t, io.Discard, func(c *config.Config) { c.Authentication.JWT.JWKS = []config.JWKS{{File: file}} })
	for _, path := range []string{"/graphql", "/api/hello"} {
		if got := call(t, url, path, "Authorization: Bearer "+i.token(t, time.Hour)); got.status != 200 {
			t.Errorf("%s: got status %d, %s", path, got.status, got.body)
		}
		if got := call(t, url, path, "Authorization: Bearer "+other.token(t, time.Hour)); got.status != 401 {
			t.Errorf("%s: a token of another issuer: got status %d, %s", path, got.status, got.body)
		}
	}
	c := config.Default()
	c.Authentication.JWT.JWKS = []config.JWKS{{File: file + ".missing"}}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := router.New(t.Context(), c, router.Options{Supergraph: smallSDL, Telemetry: tel}); err == nil || !strings.Contains(err.Error(), "key set: open "+file+".missing") {
		t.Errorf("got %v", err)
	}
}

// A token that cannot be verified is neither invalid nor anonymous.
func TestUnreachableKeySetIsUnavailable(t *testing.T) {
	i := newTokenIssuer(t)
	i.down.Store(true)
	var log lockedBuffer
	url := serveHello(t, &log, func(c *config.Config) { c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}} })
	token := "Authorization: Bearer " + i.token(t, time.Hour)
	for _, path := range []string{"/graphql", "/api/hello"} {
		got := call(t, url, path, token)
		code, message := got.refusal(t)
		if got.status != 503 || code != "AUTHENTICATION_UNAVAILABLE" || message != "Access tokens cannot be verified at the moment. Try again in 1 s." || got.header.Get("Retry-After") != "1" {
			t.Errorf("%s: got status %d, headers %v, %s", path, got.status, got.header, got.body)
		}
	}
	if !strings.Contains(log.String(), `"msg":"dependency failed"`) || !strings.Contains(log.String(), "502 Bad Gateway") {
		t.Errorf("the cause is not logged: %s", log.String())
	}
	i.down.Store(false)
	eventually(t, func() bool { return call(t, url, "/graphql", token).status == 200 })
	for _, left := range []string{"skipped unusable signing keys", `kid \"pq\"`, "the key is null"} {
		if !strings.Contains(strings.ReplaceAll(log.String(), `\\`, `\`), left) {
			t.Errorf("the log does not contain %s: %s", left, log.String())
		}
	}
}

// A router that starts while the issuer is unavailable uses the copy of the keys
// that another one kept.
func TestRouterVerifiesTokensWithKeptKeys(t *testing.T) {
	redis := miniredis.RunT(t)
	directory := t.TempDir()
	for name, keep := range map[string]config.LastGoodKeys{"file": {Directory: directory}, "Redis": {Secret: "sixteen characters"}} {
		i := newTokenIssuer(t)
		start := func(keep config.LastGoodKeys) string {
			return serveHello(t, io.Discard, func(c *config.Config) {
				c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}}
				c.Authentication.JWT.LastGoodKeys = keep
				c.ResponseCache.Redis.URL = "redis://" + redis.Addr()
			})
		}
		token := "Authorization: Bearer " + i.token(t, time.Hour)
		if got := call(t, start(keep), "/graphql", token); got.status != 200 {
			t.Fatalf("%s: got status %d before the restart: %s", name, got.status, got.body)
		}
		i.down.Store(true)
		if got := call(t, start(keep), "/graphql", token); got.status != 200 {
			t.Errorf("%s: got status %d after the restart: %s", name, got.status, got.body)
		}
		for other, keep := range map[string]config.LastGoodKeys{"nothing kept": {}, "another secret": {Secret: "seventeen character"}, "another directory": {Directory: t.TempDir()}} {
			if got := call(t, start(keep), "/graphql", token); got.status != 503 || got.header.Get("Retry-After") == "" {
				t.Errorf("%s, %s: got status %d: %s", name, other, got.status, got.body)
			}
		}
	}
}

// A rejected token closes the WebSocket with the reason and a code that tells
// whether reconnecting can help.
func TestRefusedTokenClosesTheSocket(t *testing.T) {
	i := newTokenIssuer(t)
	url := serveHello(t, io.Discard, func(c *config.Config) { c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}} })
	refused := func(authorization string, code websocket.StatusCode, reason string) {
		t.Helper()
		s := openSocket(t, url)
		s.write(`{"type":"connection_init","payload":{"Authorization":"` + authorization + `"}}`)
		_, _, err := s.conn.Read(t.Context())
		var closed websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != code || closed.Reason != reason {
			t.Errorf("closed with %v, want %d %s", err, code, reason)
		}
	}
	i.down.Store(true)
	refused("Bearer "+i.token(t, time.Hour), websocket.StatusTryAgainLater, "Access tokens cannot be verified at the moment. Try again in 1 s.")
	refused("Bearer x", 4403, "Invalid access token: it is not a signed JWT.")
}

// A token is valid for a WebSocket or stream as long as for a request: until it
// has been expired for longer than the leeway.
func TestStreamsAllowTheLeeway(t *testing.T) {
	i := newTokenIssuer(t)
	url := serveHello(t, io.Discard, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}}
		c.Authentication.JWT.Leeway = time.Hour
	})
	token := "Bearer " + i.token(t, -time.Minute)
	if got := call(t, url, "/graphql", "Authorization: "+token); got.status != 200 {
		t.Fatalf("request: got status %d, %s", got.status, got.body)
	}
	s := openSocket(t, url)
	s.write(`{"type":"connection_init","payload":{"Authorization":"` + token + `"}}`)
	if got := s.read(); !strings.Contains(got, "connection_ack") {
		t.Fatalf("WebSocket: got %s", got)
	}
	if got := s.ask("1"); !strings.Contains(got, `"hello":"hi"`) {
		t.Errorf("WebSocket: got %s", got)
	}
	if got := call(t, url, "/graphql", "Authorization: "+token, "Accept: text/event-stream"); !strings.Contains(got.body, `"hello":"hi"`) {
		t.Errorf("stream: got status %d, %s", got.status, got.body)
	}
}

// The challenge names the scope that a rejected operation needs (RFC 6750,
// section 3.1), over GraphQL and REST.
func TestRefusedFieldsAreChallenged(t *testing.T) {
	i := newTokenIssuer(t)
	url := serveSupergraph(t, protectedSDL, io.Discard, func(c *config.Config) {
		c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}}
		c.Authorization.RejectUnauthorized = true
	})
	for _, path := range []string{"/graphql", "/api/hello"} {
		for _, c := range []struct {
			name      string
			headers   []string
			status    int
			challenge string
		}{
			{name: "no token", status: 401, challenge: "Bearer"},
			{name: "a token without the scope", headers: []string{"Authorization: Bearer " + i.token(t, time.Hour)}, status: 403, challenge: `Bearer error="insufficient_scope"`},
		} {
			got := call(t, url, path, c.headers...)
			missing := strings.Contains(got.body, " Missing access token. Send Authorization: Bearer <token>.")
			if got.status != c.status || got.header.Get("WWW-Authenticate") != c.challenge || missing != (c.status == 401) {
				t.Errorf("%s, %s: got status %d, WWW-Authenticate %q, %s", path, c.name, got.status, got.header.Get("WWW-Authenticate"), got.body)
			}
		}
	}
}

// If fields are filtered instead of operations rejected, a REST route without a
// result sends the same challenge, also for credentials of another scheme.
func TestFilteredFieldsAreChallengedOverREST(t *testing.T) {
	i := newTokenIssuer(t)
	for scheme, word := range map[string]string{"Bearer": "Bearer", "Token": "Token"} {
		url := serveSupergraph(t, protectedSDL, io.Discard, func(c *config.Config) {
			c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}}
			c.Authentication.JWT.Scheme = scheme
		})
		token := scheme + " " + i.token(t, time.Hour)
		for _, c := range []struct {
			name      string
			headers   []string
			status    int
			challenge string
		}{
			{name: "no token", status: 401, challenge: word},
			{name: "a token without the scope", headers: []string{"Authorization: " + token}, status: 403, challenge: word + ` error="insufficient_scope"`},
			{name: "another scheme", headers: []string{"Authorization: Basic YTpi"}, status: 401, challenge: word},
		} {
			got := call(t, url, "/api/hello", c.headers...)
			missing := strings.Contains(got.body, " Missing access token. Send Authorization: "+scheme+" <token>.")
			if got.status != c.status || got.header.Get("WWW-Authenticate") != c.challenge || missing != (c.status == 401) {
				t.Errorf("%s, scheme %q: got status %d, WWW-Authenticate %q, %s", c.name, scheme, got.status, got.header.Get("WWW-Authenticate"), got.body)
			}
		}
	}
}

// protectedSDL is smallSDL with a field that requires a scope.
var protectedSDL = strings.NewReplacer(
	"{ query: Query }", `@link(url: "https://specs.apollo.dev/requiresScopes/v0.1", for: SECURITY) { query: Query }`,
	"{ hello: String }", `{ hello: String @requiresScopes(scopes: [["read"]]) }
directive @requiresScopes(scopes: [[requiresScopes__Scope!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE | SCALAR | ENUM
scalar requiresScopes__Scope`,
).Replace(smallSDL)

// The rate limit counts each operation of a caller over every protocol.
func TestRateLimitCountsEveryOperation(t *testing.T) {
	url := serveHello(t, io.Discard, func(c *config.Config) {
		c.RateLimit = config.RateLimit{Enabled: true, Requests: 4, Interval: time.Hour, By: "ip"}
		c.HTTP.Batching = config.Batching{Enabled: true, MaxSize: 10}
	})
	if got := call(t, url, "/graphql"); got.status != 200 || got.header.Get("RateLimit-Policy") != `"default";q=4;w=3600` || !strings.HasPrefix(got.header.Get("RateLimit"), `"default";r=3;`) {
		t.Fatalf("got status %d, headers %v, %s", got.status, got.header, got.body)
	}
	if got := call(t, url, "/api/hello"); got.status != 200 || !strings.HasPrefix(got.header.Get("RateLimit"), `"default";r=2;`) {
		t.Fatalf("got status %d, headers %v, %s", got.status, got.header, got.body)
	}
	socket := dialRouter(t, url)
	if got := socket.ask("1"); !strings.Contains(got, `"type":"next"`) {
		t.Fatalf("WebSocket: got %s", got)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/graphql", strings.NewReader(`[{"query":"{ hello }"},{"query":"{ hello }"}]`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	batch, err := io.ReadAll(res.Body)
	if err != nil || strings.Count(string(batch), `"hi"`) != 1 || strings.Count(string(batch), "RATE_LIMIT_EXCEEDED") != 1 {
		t.Errorf("batch: got %s, err %v", batch, err)
	}
	var messages []string
	for _, path := range []string{"/graphql", "/api/hello"} {
		got := call(t, url, path)
		code, message := got.refusal(t)
		if got.status != 429 || code != "RATE_LIMIT_EXCEEDED" || got.header.Get("Retry-After") == "" || !strings.HasPrefix(got.header.Get("RateLimit"), `"default";r=0;`) {
			t.Errorf("%s: got status %d, headers %v, %s", path, got.status, got.header, got.body)
		}
		messages = append(messages, message)
	}
	if got := socket.ask("2"); !strings.Contains(got, `"type":"error"`) || !strings.Contains(got, "RATE_LIMIT_EXCEEDED") {
		t.Errorf("WebSocket: got %s", got)
	} else {
		messages = append(messages, got)
	}
	for _, message := range messages {
		if !strings.Contains(message, "Too many requests: 4 per 1h0m0s are allowed. Try again in ") {
			t.Errorf("got message %s", message)
		}
	}
	if got := call(t, url, "/api/health"); got.status != 200 {
		t.Errorf("health: got status %d", got.status)
	}
}

// Behind a trusted proxy, callers are distinguished by the addresses it adds.
// Forwarded headers of other peers are ignored.
func TestRateLimitUsesTheForwardedAddress(t *testing.T) {
	var log lockedBuffer
	limited := config.RateLimit{Enabled: true, Requests: 1, Interval: time.Hour, By: "ip"}
	trusting := serveHello(t, &log, func(c *config.Config) {
		c.RateLimit = limited
		c.ClientAddress.TrustedProxies = []string{"127.0.0.0/8", "::1"}
	})
	for _, c := range []struct {
		forwarded string
		status    int
	}{
		{forwarded: "198.51.100.1", status: 200},
		{forwarded: "198.51.100.1", status: 429},
		{forwarded: "198.51.100.2", status: 200},
		{forwarded: "203.0.113.9, 198.51.100.2", status: 429}, // the first address is forged
		{forwarded: "2001:db8::1", status: 200},
		{forwarded: "[2001:db8::2]:443", status: 429}, // the same network
		{forwarded: "2001:db8:0:1::1", status: 200},
	} {
		if got := call(t, trusting, "/graphql", "X-Forwarded-For: "+c.forwarded); got.status != c.status {
			t.Errorf("%s: got status %d, want %d", c.forwarded, got.status, c.status)
		}
	}
	if !strings.Contains(log.String(), `"client":"198.51.100.1"`) {
		t.Errorf("the client's address is not logged: %s", log.String())
	}
	direct := serveHello(t, io.Discard, func(c *config.Config) { c.RateLimit = limited })
	for i, want := range []int{200, 429} {
		if got := call(t, direct, "/graphql", fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i), fmt.Sprintf("Forwarded: for=198.51.100.%d", i)); got.status != want {
			t.Errorf("untrusted peer: got status %d, want %d", got.status, want)
		}
	}
}

// A socket is a client of graphql-transport-ws.
type socket struct {
	*testing.T
	conn *websocket.Conn
}

func openSocket(t *testing.T, url string) *socket {
	t.Helper()
	conn, res, err := websocket.Dial(t.Context(), url+"/graphql", &websocket.DialOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		t.Fatal(err)
	}
	if res.Body != nil {
		t.Cleanup(func() { res.Body.Close() })
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{T: t, conn: conn}
}

func dialRouter(t *testing.T, url string) *socket {
	t.Helper()
	s := openSocket(t, url)
	s.write(`{"type":"connection_init"}`)
	if got := s.read(); !strings.Contains(got, "connection_ack") {
		t.Fatalf("got %s, want connection_ack", got)
	}
	return s
}

// ask returns the first message for an operation.
func (s *socket) ask(id string) string {
	s.write(`{"id":"` + id + `","type":"subscribe","payload":{"query":"{ hello }"}}`)
	for {
		if got := s.read(); strings.Contains(got, `"id":"`+id+`"`) {
			return got
		}
	}
}

func (s *socket) write(text string) {
	s.Helper()
	if err := s.conn.Write(s.Context(), websocket.MessageText, []byte(text)); err != nil {
		s.Fatal(err)
	}
}

func (s *socket) read() string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	_, got, err := s.conn.Read(ctx)
	if err != nil {
		s.Fatal(err)
	}
	return string(got)
}

// A policy in the mode log rejects nothing, and tells clients nothing. Others stay as they are.
func TestRatePoliciesCanBeLogged(t *testing.T) {
	var r *router.Router
	start := func(limit config.RateLimit) string {
		r = newRouter(t, composed(t, accountsA, accountsB), nil, accounts(""), func(c *config.Config) { c.RateLimit = limit })
		server := detachtest.NewServer(r.Handler())
		t.Cleanup(server.Close)
		return server.URL
	}
	const path, preflight = "/graphql?query={account{id}}", "GraphQL-Require-Preflight: 1"
	for name, c := range map[string]struct {
		limit  config.RateLimit
		status []int
		policy string
		logged int
	}{
		"all":      {config.RateLimit{Requests: 1, Mode: config.LogLimits}, []int{200, 200, 200}, "", 2},
		"a policy": {config.RateLimit{Requests: 2, Policies: []config.RatePolicy{{Name: "new", Requests: 1, By: "all", Mode: config.LogLimits}}}, []int{200, 200, 429}, `"default";q=2;w=3600`, 1},
		"but one":  {config.RateLimit{Mode: config.LogLimits, Policies: []config.RatePolicy{{Name: "old", Requests: 2, By: "all", Mode: "enforce"}, {Name: "cost", Requests: 1, By: "all", Count: "cost"}}}, []int{200, 200, 429}, `"old";q=2;w=3600`, 1},
	} {
		c.limit.Enabled, c.limit.Interval = true, time.Hour
		for n := range c.limit.Policies {
			c.limit.Policies[n].Interval = time.Hour
		}
		url := start(c.limit)
		for n, status := range c.status {
			if got := call(t, url, path, preflight); got.status != status || got.header.Get("RateLimit-Policy") != c.policy {
				t.Errorf("%s, request %d: got status %d, RateLimit-Policy %q, %s", name, n, got.status, got.header.Get("RateLimit-Policy"), got.body)
			}
		}
		w := httptest.NewRecorder()
		r.Admin().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		if want := fmt.Sprintf("souk_router_limits_exceeded_total{code=\"RATE_LIMIT_EXCEEDED\"} %d\n", c.logged); !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: the metrics lack %s", name, want)
		}
	}
}

// All policies apply: the first one that a caller has used up rejects its operations. An
// object costs 1.
func TestRatePoliciesCountWhatTheyName(t *testing.T) {
	i := newTokenIssuer(t)
	sdl := composed(t, accountsA, accountsB)
	routes := fstest.MapFS{"account.graphql": {Data: []byte(`query account @rest(method: GET, path: "/api/account", result: "account") { account { id } }`)}}
	start := func(policies ...config.RatePolicy) string {
		return serveRouter(t, sdl, routes, accounts(""), func(c *config.Config) {
			c.Authentication.JWT.JWKS = []config.JWKS{{URL: i.URL}}
			c.RateLimit = config.RateLimit{Enabled: true, Policies: policies}
			for n := range c.RateLimit.Policies {
				c.RateLimit.Policies[n].Interval = 24 * time.Hour
			}
		})
	}
	const account = "/graphql?query={account{id}}"
	type request struct {
		path    string
		headers []string
		status  int
		header  string // begins the RateLimit header
	}
	token := "Authorization: Bearer " + i.token(t, time.Hour)
	for name, c := range map[string]struct {
		policies []config.RatePolicy
		requests []request
	}{
		"by header": {[]config.RatePolicy{{Name: "key", Requests: 1, By: "header", Header: "X-Key"}}, []request{
			{account, []string{"X-Key: a"}, 200, `"key";r=0;`}, {"/api/account", []string{"X-Key: a"}, 429, `"key";r=0;`}, {"/api/account", []string{"X-Key: b"}, 200, `"key";r=0;`},
		}},
		"by claim": {[]config.RatePolicy{{Name: "user", Requests: 1, By: "claim", Claim: "sub"}}, []request{
			{account, []string{token}, 200, ""}, {account, []string{token}, 429, ""}, {account, nil, 200, ""}, {account, nil, 429, ""},
		}},
		"by client": {[]config.RatePolicy{{Name: "app", Requests: 1, By: "client"}}, []request{
			{account, []string{"GraphQL-Client-Name: web"}, 200, ""}, {account, []string{"apollographql-client-name: web"}, 429, ""}, {account, []string{"GraphQL-Client-Name: ios"}, 200, ""},
		}},
		"all together": {[]config.RatePolicy{{Name: "all", Requests: 2, By: "all"}}, []request{
			{account, []string{token}, 200, ""}, {"/api/account", nil, 200, ""}, {account, []string{"GraphQL-Client-Name: ios"}, 429, `"all";r=0;`},
		}},
		"two policies": {[]config.RatePolicy{{Name: "a", Requests: 5, By: "ip"}, {Name: "b", Requests: 1, By: "all"}}, []request{
			{account, nil, 200, `"a";r=4;t=17280, "b";r=0;t=86400`}, {account, nil, 429, `"a";r=3;`},
		}},
		"costs": {[]config.RatePolicy{{Name: "cost", Requests: 3, By: "ip", Count: "cost"}}, []request{
			{"/graphql?query={a:account{id}b:account{id}}", nil, 200, `"cost";r=1;`}, {"/graphql?query={a:account{id}b:account{id}}", nil, 429, `"cost";r=1;`}, {"/api/account", nil, 200, `"cost";r=0;`}, {"/api/account", nil, 429, `"cost";r=0;`},
		}},
		"too costly": {[]config.RatePolicy{{Name: "cost", Requests: 1, By: "ip", Count: "cost"}}, []request{
			{"/graphql?query={a:account{id}b:account{id}}", nil, 429, ""},
		}},
	} {
		url := start(c.policies...)
		for n, r := range c.requests {
			got := call(t, url, r.path, append(slices.Clone(r.headers), "GraphQL-Require-Preflight: 1")...)
			limit := got.header.Get("RateLimit")
			if got.status != r.status || !strings.HasPrefix(limit, r.header) || got.header.Get("RateLimit-Policy") == "" {
				t.Errorf("%s, request %d: got status %d, RateLimit %q, RateLimit-Policy %q, %s", name, n, got.status, limit, got.header.Get("RateLimit-Policy"), got.body)
			}
			if retry := got.header.Get("Retry-After") != ""; retry != (r.status == 429 && name != "too costly") {
				t.Errorf("%s, request %d: Retry-After = %q", name, n, got.header.Get("Retry-After"))
			}
		}
	}
}
