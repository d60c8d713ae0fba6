package gateway_test

import (
	"fmt"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// A gateway that loads one supergraph after another under load retains nothing
// of the earlier ones: no memory, goroutine or connection.
func TestReloadsLeakNothing(t *testing.T) {
	const reloads = 500
	var opened, closed atomic.Int32
	gw, err := gateway.New(t.Context(), config.Default(), gateway.Options{
		Supergraph: sdl,
		Transport: func(*supergraph.Model) (execute.Transport, func(), error) {
			opened.Add(1)
			return quick{}, func() { closed.Add(1) }, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer gw.Close()
	held := func() (heap uint64, goroutines int) {
		runtime.GC()
		runtime.GC() // the first cycle moves objects to finalizers and pools
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	reload := func(n int) {
		t.Helper()
		for i := range n {
			other := strings.Replace(sdl, "hello(", fmt.Sprintf("hello%d: Int hello(", i%2), 1)
			if err := gw.SetSupergraph(other); err != nil {
				t.Fatal(err)
			}
			for j := range 3 {
				body := fmt.Sprintf(`{"query":"query Q%d { hello }"}`, (i+j)%10)
				r := httptest.NewRequestWithContext(t.Context(), "POST", "/graphql", strings.NewReader(body))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				if gw.Handler().ServeHTTP(w, r); w.Code != 200 {
					t.Fatalf("reload %d: got status %d, %s", i, w.Code, w.Body)
				}
			}
		}
	}
	reload(reloads / 5) // fills caches and pools
	before, running := held()
	reload(reloads - reloads/5)
	after, stillRunning := held()
	if after > before+before/10+1<<20 {
		t.Errorf("after %d reloads the heap has %d bytes, %d before", reloads-reloads/5, after, before)
	}
	if stillRunning > running+2 {
		t.Errorf("%d goroutines, %d before", stillRunning, running)
	}
	if opened.Load()-closed.Load() != 1 {
		t.Errorf("%d transports opened, %d closed", opened.Load(), closed.Load())
	}
}
