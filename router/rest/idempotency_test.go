package rest_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"souk/router/rest"
)

func withRedis(t *testing.T) (*rest.Handler, *graph, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	h, g := newHandler(t, func(o *rest.Options) { o.Redis, o.Documents = client, withoutKeys(t) })
	return h, g, server
}

// withoutKeys returns the store's routes, with a createProduct that does not take the key: the
// router keeps records for such an operation.
func withoutKeys(t *testing.T) fs.FS {
	t.Helper()
	routes := fstest.MapFS{}
	names, err := fs.Glob(os.DirFS("../../schema/rest"), "*.graphql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile("../../schema/rest/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "products.graphql" {
			text = bytes.ReplaceAll(text, []byte("  $idempotencyKey: String @idempotencyKey\n"), nil)
			text = bytes.ReplaceAll(text, []byte(", idempotencyKey: $idempotencyKey"), nil)
		}
		routes[name] = &fstest.MapFile{Data: text}
	}
	return routes
}

// A subgraph that keeps the key itself gets every request. A killed router leaves no lease
// behind, and the loss of Redis no gap.
func TestOperationsThatTakeTheKeyHaveNoRecord(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	h, g := newHandler(t, func(o *rest.Options) { o.Redis = client })
	for _, e := range []exchange{
		{request: "POST /api/orders", header: keyed("k"), body: `{"productId":1,"quantity":1}`, status: 201},
		{request: "POST /api/products", header: keyed("k"), body: `{"name":"a","price":1}`, status: 201},
	} {
		first := len(g.executed)
		e.wantHeader = map[string]string{"Idempotency-Replayed": ""}
		e.run(t, h, g)
		e.run(t, h, g)
		if n := len(g.executed) - first; n != 2 {
			t.Errorf("%s: executed %d times, want 2", e.request, n)
		}
	}
	if kept := keptByRedis(t, server); kept != "" {
		t.Errorf("Redis contains %s", kept)
	}
	g.root["createProduct"] = func(map[string]any) any {
		return thing{"__typename": "Conflict", "message": "The key was used.", "code": "IDEMPOTENCY_KEY_REUSED"}
	}
	exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":"b","price":1}`, status: 422, want: `{"code":"IDEMPOTENCY_KEY_REUSED"}`}.run(t, h, g)
}

func keyed(key string) map[string]string { return map[string]string{"Idempotency-Key": key} }

func TestIdempotencyKeyRepeatsTheResponse(t *testing.T) {
	h, g, _ := withRedis(t)
	create := exchange{request: "POST /api/products", header: keyed(`"abc"`), body: `{"name":"Laptop","price":999.99}`, status: 201}
	first := create.run(t, h, g)
	create.body = `{"price":999.99,  "name":"Laptop"}` // the same request
	create.header = keyed("abc")                       // the same key without quotes
	second := create.run(t, h, g)
	if len(g.executed) != 1 {
		t.Errorf("executed %v, want one operation", g.executed)
	}
	if first.Body.String() != second.Body.String() || second.Header().Get("Location") != "/api/products/9" || first.Header().Get("ETag") != second.Header().Get("ETag") {
		t.Errorf("the second response differs: %s %s", second.Header(), second.Body)
	}
	if first.Header().Get("Idempotency-Replayed") != "" || second.Header().Get("Idempotency-Replayed") != "true" {
		t.Error("want only the second response to be replayed")
	}
	exchange{request: "POST /api/products", header: keyed("abc"), body: `{"name":"Phone","price":1}`, status: 422, want: `{"code":"IDEMPOTENCY_KEY_REUSED"}`}.run(t, h, g)
	exchange{request: "POST /api/users", header: keyed("abc"), body: `{"username":"ada","email":"b@example.com"}`, status: 201}.run(t, h, g)
	other := keyed("abc")
	other["Authorization"] = "Bearer somebody.else"
	exchange{request: "POST /api/products", header: other, body: `{"name":"Phone","price":1}`, status: 201}.run(t, h, g)
}

func TestIdempotencyKeyIsFreedByTransientFailures(t *testing.T) {
	h, g, _ := withRedis(t)
	taken := exchange{request: "POST /api/users", header: keyed("k"), body: `{"username":"taken","email":"a@example.com"}`, status: 409}
	taken.run(t, h, g)
	taken.run(t, h, g)
	if len(g.executed) != 1 {
		t.Errorf("executed %v, want one operation: a conflict is stored", g.executed)
	}
	away := exchange{request: "POST /api/orders", header: keyed("k"), body: `{"productId":51,"quantity":1}`, status: 503}
	away.run(t, h, g)
	away.run(t, h, g)
	if len(g.executed) != 3 {
		t.Errorf("executed %v, want three operations: a transient failure is not stored", g.executed)
	}
	exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":1}`, status: 422}.run(t, h, g)
	exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":"a","price":1}`, status: 201}.run(t, h, g)
}

func TestIdempotencyKeyInProgressConflicts(t *testing.T) {
	h, g, _ := withRedis(t)
	begun, release := make(chan struct{}), make(chan struct{})
	create := g.root["createProduct"].(resolver)
	g.root["createProduct"] = func(a map[string]any) any {
		close(begun)
		<-release
		return create(a)
	}
	request := exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":"a","price":1}`, status: 201}
	var wait sync.WaitGroup
	wait.Go(func() {
		r := httptest.NewRequest(http.MethodPost, "/api/products", strings.NewReader(request.body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "k")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			t.Errorf("first request: got status %d, %s", w.Code, w.Body)
		}
	})
	<-begun
	r := httptest.NewRequest(http.MethodPost, "/api/products", strings.NewReader(request.body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "k")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusConflict || w.Header().Get("Retry-After") == "" {
		t.Errorf("request with the key in progress: got status %d, %s", w.Code, w.Body)
	}
	close(release)
	wait.Wait()
	request.run(t, h, g)
}

func TestPanicFreesTheIdempotencyKey(t *testing.T) {
	h, g, _ := withRedis(t)
	create := g.root["createProduct"].(resolver)
	g.root["createProduct"] = func(map[string]any) any { panic("boom") }
	request := exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":"a","price":1}`, status: 201}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		request.run(t, h, g)
	}()
	g.root["createProduct"] = create
	request.run(t, h, g)
}

func TestIdempotencyKeyNeedsRedis(t *testing.T) {
	h, g, server := withRedis(t)
	server.SetError("LOADING")
	exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":"a","price":1}`, status: 503, wantHeader: map[string]string{"Retry-After": "1"}}.run(t, h, g)
	exchange{request: "POST /api/products", body: `{"name":"a","price":1}`, status: 201}.run(t, h, g)
	// The order service keeps the key itself.
	exchange{request: "POST /api/orders", header: keyed("k"), body: `{"productId":1,"quantity":1}`, status: 201}.run(t, h, g)
	g.fail = errors.New("down")
	exchange{request: "POST /api/orders", header: keyed("k"), body: `{"productId":1,"quantity":1}`, status: 500}.run(t, h, g)
}

// keptByRedis returns the contents of Redis as text.
func keptByRedis(t *testing.T, server *miniredis.Miniredis) string {
	t.Helper()
	return server.Dump()
}

func TestResponsesWithSecretsAreNotStored(t *testing.T) {
	h, g, server := withRedis(t)
	session := thing{"__typename": "Session", "accessToken": "a", "expiresAt": "2026-01-01T00:00:00Z", "refreshToken": "r",
		"user": thing{"id": "1", "username": "a", "displayName": "a", "email": "a@example.com", "roles": []any{"CUSTOMER"}, "createdAt": "2026-01-01T00:00:00Z", "version": 1}}
	for _, name := range []string{"logIn", "refreshSession"} {
		g.root[name] = func(map[string]any) any { return session }
	}
	for _, e := range []exchange{
		{request: "POST /api/login", header: keyed("k"), body: `{"login":"testuser","password":"correct horse"}`, status: 200},
		{request: "POST /api/refresh", header: keyed("k"), body: `{"refreshToken":"r"}`, status: 200},
	} {
		first := len(g.executed)
		e.wantHeader = map[string]string{"Cache-Control": "no-store", "Idempotency-Replayed": "", "ETag": ""}
		e.run(t, h, g)
		e.run(t, h, g)
		if n := len(g.executed) - first; n != 2 {
			t.Errorf("%s: executed %d times, want 2", e.request, n)
		}
	}
	if kept := keptByRedis(t, server); kept != "" {
		t.Errorf("Redis contains %s", kept)
	}
}

// Every route whose response has a member with the name of a secret must be
// declared secret.
func TestRoutesWithSecretsAreDeclared(t *testing.T) {
	var documents ast.QueryDocument
	files, err := filepath.Glob("../../schema/rest/*.graphql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		document, err := parser.ParseQuery(&ast.Source{Name: file, Input: string(text)})
		if err != nil {
			t.Fatal(err)
		}
		documents.Operations = append(documents.Operations, document.Operations...)
		documents.Fragments = append(documents.Fragments, document.Fragments...)
	}
	name := regexp.MustCompile(`(?i)token|secret|password|key$`)
	var reveals func(set ast.SelectionSet) bool
	reveals = func(set ast.SelectionSet) bool {
		return slices.ContainsFunc(set, func(s ast.Selection) bool {
			switch s := s.(type) {
			case *ast.Field:
				return len(s.SelectionSet) == 0 && name.MatchString(s.Name) || reveals(s.SelectionSet)
			case *ast.InlineFragment:
				return reveals(s.SelectionSet)
			case *ast.FragmentSpread:
				return reveals(documents.Fragments.ForName(s.Name).SelectionSet)
			}
			return false
		})
	}
	found := 0
	for _, o := range documents.Operations {
		argument := o.Directives.ForName("rest").Arguments.ForName("secret")
		declared := argument != nil && argument.Value.Raw == "true"
		if reveals(o.SelectionSet) {
			found++
			if !declared {
				t.Errorf("the response of %s contains a secret; add secret: true to its @rest", o.Name)
			}
		}
	}
	if found < 2 {
		t.Errorf("found %d operations with secrets, want at least those that log in", found)
	}
}

// Without the secret, nothing in Redis reveals or confirms a caller's token, a
// key or a request.
func TestRecordsRevealNothingAboutCallers(t *testing.T) {
	for name, secret := range map[string]string{"configured": "s3cret", "generated": ""} {
		t.Run(name, func(t *testing.T) {
			kept := map[string]bool{}
			for range 2 {
				server := miniredis.RunT(t)
				client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
				t.Cleanup(func() { _ = client.Close() })
				h, g := newHandler(t, func(o *rest.Options) { o.Documents = withoutKeys(t); o.Redis, o.Records.Secret = client, secret })
				header := keyed("order-of-ada")
				header["Authorization"] = "Bearer ada.token"
				exchange{request: "POST /api/users", header: header, body: `{"username":"ada","email":"ada@example.com","password":"correct horse"}`, status: 201}.run(t, h, g)
				text := keptByRedis(t, server)
				for _, part := range []string{"ada.token", "order-of-ada", "correct horse"} {
					if strings.Contains(text, part) {
						t.Errorf("Redis contains %q: %s", part, text)
					}
				}
				for _, key := range server.Keys() {
					if strings.Count(key, ":") == 2 && !strings.HasSuffix(key, ":index") && !strings.HasSuffix(key, ":bytes") && !strings.HasSuffix(key, ":secret") {
						kept[key] = true
					}
				}
			}
			if want := map[string]int{"configured": 1, "generated": 2}[name]; len(kept) != want {
				t.Errorf("two stores use %d different names for the record, want %d: %v", len(kept), want, kept)
			}
		})
	}
}

// Routers share the secret, even after Redis has lost it.
func TestRoutersShareTheRecordSecret(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	open := func() (http.Handler, *graph) {
		return newHandler(t, func(o *rest.Options) { o.Documents = withoutKeys(t); o.Redis = client })
	}
	create := func(key string) exchange {
		return exchange{request: "POST /api/products", header: keyed(key), body: `{"name":"Laptop","price":1}`, status: 201}
	}
	a, ga := open()
	b, gb := open()
	create("1").run(t, a, ga)
	create("1").run(t, b, gb)
	server.FlushAll()
	c, gc := open() // creates a new secret, which the others adopt
	create("2").run(t, c, gc)
	create("2").run(t, a, ga)
	create("2").run(t, b, gb)
	if len(ga.executed) != 1 || len(gb.executed) != 0 || len(gc.executed) != 1 {
		t.Errorf("executed %d, %d, %d times, want 1, 0, 1", len(ga.executed), len(gb.executed), len(gc.executed))
	}
}

// A response that does not settle the request frees its key.
func TestUnsettledResponsesAreNotStored(t *testing.T) {
	for code, status := range map[string]int{
		"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "RATE_LIMIT_EXCEEDED": 429,
		"INTERNAL_SERVER_ERROR": 500, "SUBREQUEST_HTTP_ERROR": 503, "SUBREQUEST_TIMEOUT": 503,
	} {
		h, g, _ := withRedis(t)
		create := g.root["createProduct"].(resolver)
		g.root["createProduct"] = func(map[string]any) any { return coded{error: errors.New("no"), code: code} }
		header := keyed("k")
		header["Authorization"] = "Bearer x" // without a token, 403 would be 401
		request := exchange{request: "POST /api/products", header: header, body: `{"name":"a","price":1}`, status: status}
		request.run(t, h, g)
		g.root["createProduct"] = create
		request.status = 201
		request.run(t, h, g)
	}
}

// begin sends a request whose operation waits. It returns functions that end the
// wait and that wait for the response.
func begin(ctx context.Context, t *testing.T, h http.Handler, g *graph) (release func(), wait func() *httptest.ResponseRecorder) {
	t.Helper()
	begun, going := make(chan struct{}), make(chan struct{})
	create := g.root["createProduct"].(resolver)
	g.root["createProduct"] = func(a map[string]any) any {
		close(begun)
		<-going
		return create(a)
	}
	w := httptest.NewRecorder()
	var answered sync.WaitGroup
	answered.Go(func() {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/products", strings.NewReader(`{"name":"a","price":1}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "k")
		h.ServeHTTP(w, r)
	})
	<-begun
	g.root["createProduct"] = create
	return func() { close(going) }, func() *httptest.ResponseRecorder { answered.Wait(); return w }
}

var createA = exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":"a","price":1}`}

// The key of a router that was killed is free when its lease ends. If that router
// was only suspended, its late response replaces nothing.
func TestLostLeaseFreesTheKeyAndFencesOutItsHolder(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	stopped, stoppedGraph := newHandler(t, func(o *rest.Options) { o.Documents = withoutKeys(t); o.Redis, o.Records.Lease = client, time.Hour }) // never renews
	h, g := newHandler(t, func(o *rest.Options) { o.Documents = withoutKeys(t); o.Redis = client })
	g.root["createProduct"] = func(map[string]any) any { return coded{error: errors.New("no"), code: "CONFLICT"} }
	release, wait := begin(t.Context(), t, stopped, stoppedGraph)
	taken := createA
	taken.status = 409
	taken.want = `{"code":"REQUEST_IN_PROGRESS"}`
	taken.wantHeader = map[string]string{"Retry-After": "1"} // it may end any time
	taken.run(t, h, g)
	server.FastForward(59*time.Minute + 56500*time.Millisecond)
	taken.wantHeader = map[string]string{"Retry-After": "4"} // 3.5 s, rounded up: nobody renews it
	taken.run(t, h, g)
	second := createA
	server.FastForward(4 * time.Second) // an obedient client waits once
	second.status, second.want = 409, `{"code":"CONFLICT"}`
	answer := second.run(t, h, g)
	release()
	if w := wait(); w.Code != http.StatusCreated || w.Body.String() == answer.Body.String() {
		t.Fatalf("first request: got status %d, %s, the response to the second", w.Code, w.Body)
	}
	third := second.run(t, h, g)
	if third.Header().Get("Idempotency-Replayed") != "true" || third.Body.String() != answer.Body.String() {
		t.Errorf("the late response replaced %s: %s", answer.Body, third.Body)
	}
}

func TestLeaseIsRenewedWhileWorking(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	const lease = 30 * time.Millisecond
	h, g := newHandler(t, func(o *rest.Options) { o.Documents = withoutKeys(t); o.Redis, o.Records.Lease = client, lease })
	release, wait := begin(t.Context(), t, h, g)
	record := ""
	for _, key := range server.Keys() {
		if !strings.HasSuffix(key, ":secret") {
			record = key
		}
	}
	if ttl := server.TTL(record); ttl <= 0 || ttl > lease {
		t.Fatalf("lease of %s = %v", record, ttl)
	}
	// The time of miniredis advances only in these steps.
	for range 3 {
		server.FastForward(lease / 2)
		for end := time.Now().Add(10 * time.Second); server.TTL(record) <= lease/2; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the lease is not renewed: %v left", server.TTL(record))
			}
		}
	}
	release()
	if w := wait(); w.Code != http.StatusCreated {
		t.Errorf("got status %d", w.Code)
	}
	if ttl := server.TTL(record); ttl < time.Hour {
		t.Errorf("the response is stored for %v", ttl)
	}
}

// A client that disconnects, as on a bad connection, gets the response when it
// repeats the request.
func TestResponseIsStoredAfterTheClientDisconnects(t *testing.T) {
	h, g, _ := withRedis(t)
	ctx, cancel := context.WithCancel(t.Context())
	release, wait := begin(ctx, t, h, g)
	cancel()
	release()
	wait()
	again := createA
	again.status, again.wantHeader = 201, map[string]string{"Idempotency-Replayed": "true"}
	again.run(t, h, g)
	if len(g.executed) != 1 {
		t.Errorf("executed %d times, want 1", len(g.executed))
	}
}

func TestRecordsAreBounded(t *testing.T) {
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	h, g := newHandler(t, func(o *rest.Options) {
		o.Documents = withoutKeys(t)
		o.Redis, o.Records.MaxBytes, o.Records.MaxResponseBytes = client, 10_000, 1000
	})
	create := func(key, name string) exchange {
		return exchange{request: "POST /api/products", header: keyed(key), body: `{"name":"` + name + `","price":1}`, status: 201}
	}
	for n := range 40 {
		create(strconv.Itoa(n), "a").run(t, h, g)
	}
	if size := len(server.Dump()); size > 20_000 {
		t.Errorf("Redis holds %d bytes", size)
	}
	replayed := map[string]string{"Idempotency-Replayed": "true"}
	last := create("39", "a")
	last.wantHeader = replayed
	last.run(t, h, g)
	executed := len(g.executed)
	create("0", "a").run(t, h, g) // evicts the oldest response
	if len(g.executed) != executed+1 {
		t.Error("the oldest response is still stored")
	}
	// A request whose response is too large to store is not executed again.
	large := create("large", strings.Repeat("😀", 200))
	large.run(t, h, g)
	large.status, large.want = 409, `{"code":"RESPONSE_NOT_KEPT"}`
	large.run(t, h, g)
	// Expired records release their bytes.
	server.FastForward(25 * time.Hour)
	if keys := server.Keys(); len(keys) != 1 {
		t.Errorf("after a day Redis contains %v", keys)
	}
}
