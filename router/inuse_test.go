package router_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// trivial returns a router that answers { __typename } itself.
func trivial(t testing.TB) *router.Reloadable {
	t.Helper()
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	r, err := router.NewReloadable(t.Context(), config.Default(), router.Options{Supergraph: smallSDL, Telemetry: tel})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// While configurations replace each other, each request gets a response, and each router that has
// been replaced is closed: Close waits for all of them.
func TestRequestsSucceedWhileConfigurationsReplaceEachOther(t *testing.T) {
	live := trivial(t)
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := httptest.NewRequest(http.MethodPost, "/graphql", strings.NewReader(`{"query":"{ __typename }"}`))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				if live.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
					t.Errorf("got status %d, %s", w.Code, w.Body)
					return
				}
			}
		})
	}
	for range 10 {
		if err := live.Reconfigure(t.Context(), config.Default(), nil); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	clients.Wait()
	if err := live.Close(); err != nil {
		t.Error(err)
	}
}

// a discarded response.
type discarded struct{ header http.Header }

func (d *discarded) Header() http.Header         { return d.header }
func (d *discarded) Write(b []byte) (int, error) { return len(b), nil }
func (d *discarded) WriteHeader(int)             {}

// BenchmarkParallelRequests measures the whole router with trivial requests. Run it with -cpu 1,2,4
// and -mutexprofile to see what requests on several processors wait for. Collections are as rare as
// in the program; those of a small heap would take more time than what processors share.
func BenchmarkParallelRequests(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	live := trivial(b)
	defer live.Close()
	var clients atomic.Int32
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		// Identical queries in progress would wait for each other.
		body := fmt.Sprintf(`{"query":"{ client%d: __typename }"}`, clients.Add(1))
		reader := bytes.NewReader(nil)
		w := &discarded{http.Header{}}
		for pb.Next() {
			reader.Reset([]byte(body))
			r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/graphql", reader)
			if err != nil {
				b.Error(err)
				return
			}
			r.Header.Set("Content-Type", "application/json")
			clear(w.header)
			live.Handler().ServeHTTP(w, r)
		}
	})
}
