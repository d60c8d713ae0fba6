package rest_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"souk/router/rest"
)

func withRedis(t *testing.T) (*rest.Handler, *graph, *miniredis.Miniredis) {
	t.Helper()
	server := miniredis.RunT(t)
	client := redis.NewClient(&redis.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	h, g := newHandler(t, func(o *rest.Options) { o.Redis = client })
	return h, g, server
}

func keyed(key string) map[string]string { return map[string]string{"Idempotency-Key": key} }

func TestIdempotencyKeyRepeatsTheResponse(t *testing.T) {
	h, g, _ := withRedis(t)
	create := exchange{request: "POST /api/products", header: keyed(`"abc"`), body: `{"name":"Laptop","price":999.99}`, status: 201}
	first := create.run(t, h, g)
	create.body = `{"price":999.99,  "name":"Laptop"}` // says the same
	create.header = keyed("abc")                       // without quotes it is the same key
	second := create.run(t, h, g)
	if len(g.executed) != 1 {
		t.Errorf("executed %v, want one", g.executed)
	}
	if first.Body.String() != second.Body.String() || second.Header().Get("Location") != "/api/products/9" || first.Header().Get("ETag") != second.Header().Get("ETag") {
		t.Errorf("the second response differs: %s %s", second.Header(), second.Body)
	}
	if first.Header().Get("Idempotency-Replayed") != "" || second.Header().Get("Idempotency-Replayed") != "true" {
		t.Error("only the second response is a repeated one")
	}
	exchange{request: "POST /api/products", header: keyed("abc"), body: `{"name":"Phone","price":1}`, status: 422, want: `{"code":"IDEMPOTENCY_KEY_REUSED"}`}.run(t, h, g)
	exchange{request: "POST /api/users", header: keyed("abc"), body: `{"username":"a","email":"b"}`, status: 201}.run(t, h, g)
	other := keyed("abc")
	other["Authorization"] = "Bearer somebody.else"
	exchange{request: "POST /api/products", header: other, body: `{"name":"Phone","price":1}`, status: 201}.run(t, h, g)
}

func TestIdempotencyKeyOfARefusedRequest(t *testing.T) {
	h, g, _ := withRedis(t)
	taken := exchange{request: "POST /api/users", header: keyed("k"), body: `{"username":"taken","email":"a@example.com"}`, status: 409}
	taken.run(t, h, g)
	taken.run(t, h, g)
	if len(g.executed) != 1 {
		t.Errorf("executed %v, want one: a conflict is an answer", g.executed)
	}
	away := exchange{request: "POST /api/orders", header: keyed("k"), body: `{"productId":51,"quantity":1}`, status: 503}
	away.run(t, h, g)
	away.run(t, h, g)
	if len(g.executed) != 3 {
		t.Errorf("executed %v, want three: what failed may be tried again", g.executed)
	}
	exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":1}`, status: 422}.run(t, h, g)
	exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":"a","price":1}`, status: 201}.run(t, h, g)
}

func TestIdempotencyKeyInProgress(t *testing.T) {
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
			t.Errorf("the first one got %d: %s", w.Code, w.Body)
		}
	})
	<-begun
	r := httptest.NewRequest(http.MethodPost, "/api/products", strings.NewReader(request.body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "k")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusConflict || w.Header().Get("Retry-After") == "" {
		t.Errorf("while the first is answered: %d %s", w.Code, w.Body)
	}
	close(release)
	wait.Wait()
	request.run(t, h, g)
}

func TestIdempotencyRecordOfAPanic(t *testing.T) {
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

func TestIdempotencyKeyWithoutRedis(t *testing.T) {
	h, g, server := withRedis(t)
	server.SetError("LOADING")
	exchange{request: "POST /api/products", header: keyed("k"), body: `{"name":"a","price":1}`, status: 503, wantHeader: map[string]string{"Retry-After": "2"}}.run(t, h, g)
	exchange{request: "POST /api/products", body: `{"name":"a","price":1}`, status: 201}.run(t, h, g)
	// The order service keeps the promise by itself.
	exchange{request: "POST /api/orders", header: keyed("k"), body: `{"productId":1,"quantity":1}`, status: 201}.run(t, h, g)
	g.fail = errors.New("down")
	exchange{request: "POST /api/orders", header: keyed("k"), body: `{"productId":1,"quantity":1}`, status: 500}.run(t, h, g)
}
