package dev_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"souk/dev"
	"souk/internal/loopback/loopbacktest"
)

// operate skips a walk of an operator that takes long.
func operate(t *testing.T) {
	t.Helper()
	if os.Getenv("SOUK_OPERATE") == "" {
		t.Skip("skipped: takes half a minute of both processors; make operate and make verify run it (SOUK_OPERATE=1)")
	}
}

// Two replicas of a service are replaced one after the other, as by a Deployment, while
// customers browse and buy. No request fails.
func TestRollingRestartFailsNoRequest(t *testing.T) {
	operate(t)
	store := open(t, dev.Options{})
	binary := buildSouk(t)
	user, product := store.newUser(t, "unshaken"), store.newProduct(t, "A steady seller", 1_000_000)
	for _, name := range []string{"inventory", "order"} {
		t.Run(name, func(t *testing.T) {
			if err := store.StopService(name); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { // the next service needs it
				if err := store.StartService(context.Background(), name); err != nil {
					t.Error(err)
				}
			})
			replicas := serveReplicas(t, store.URL(name))
			old := []*replica{startReplica(t, store, name, binary), startReplica(t, store, name, binary)}
			replicas.replace(nil, old[0])
			replicas.replace(nil, old[1])

			load := startLoad(t, store, user, product)
			load.await(t, 20)
			for _, leaving := range old {
				replicas.roll(t, load, leaving, startReplica(t, store, name, binary))
			}
			load.end(t)
		})
	}
	store.replayFindsNoDifference(t)
}

// replicas acts as a Service: it distributes requests over the endpoints.
type replicas struct {
	mu        sync.Mutex
	next      int
	endpoints []*replica
}

func serveReplicas(t *testing.T, address string) *replicas {
	t.Helper()
	r := new(replicas)
	l, err := net.Listen("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	server := &http.Server{Handler: &httputil.ReverseProxy{
		Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(r.pick()) },
		Transport: transport,
	}}
	go func() { _ = server.Serve(l) }() // until it is closed
	t.Cleanup(func() {
		_ = server.Close()
		transport.CloseIdleConnections()
	})
	return r
}

func (r *replicas) pick() *url.URL {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	return r.endpoints[r.next%len(r.endpoints)].url
}

func (r *replicas) replace(leaving, fresh *replica) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endpoints = append(slices.DeleteFunc(r.endpoints, func(e *replica) bool { return e == leaving }), fresh)
}

// roll replaces a replica under load. It leaves the endpoints before it receives SIGTERM, as
// with the preStop hook of the manifests.
func (r *replicas) roll(t *testing.T, load *load, leaving, fresh *replica) {
	t.Helper()
	r.replace(leaving, fresh)
	load.await(t, 10)
	leaving.end(t)
	load.await(t, 20)
}

// A replica is one process of a service.
type replica struct {
	cmd *exec.Cmd
	url *url.URL
}

func startReplica(t *testing.T, s *store, name, binary string, variables ...string) *replica {
	t.Helper()
	r := &replica{cmd: exec.Command(binary, name), url: &url.URL{Scheme: "http", Host: loopbacktest.Address(t)}}
	r.cmd.Env = os.Environ()
	for key, value := range s.Variables(name) {
		r.cmd.Env = append(r.cmd.Env, key+"="+value)
	}
	r.cmd.Env = append(r.cmd.Env, variables...)
	r.cmd.Env = append(r.cmd.Env, "PORT="+r.url.Port()) // the last value counts
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if r.cmd.ProcessState == nil {
			_ = r.cmd.Process.Kill()
			_ = r.cmd.Wait()
		}
	})
	eventually(t, readyWithin, "a replica ready", func() bool {
		res, err := http.Get(r.url.String() + "/readyz")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return r
}

// end asks the process to stop, which finishes its work first.
func (r *replica) end(t *testing.T) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("a replica exited with %v", err)
	}
}

// load simulates customers who repeatedly look at a product and order it.
type load struct {
	stop   chan struct{}
	done   sync.WaitGroup
	count  atomic.Int64
	failed chan string
}

func startLoad(t *testing.T, s *store, user, product string) *load {
	l := &load{stop: make(chan struct{}), failed: make(chan string, 1)}
	wish := fmt.Sprintf(`{"userId":%s,"productId":%s,"quantity":1}`, user, product)
	for range 4 {
		l.done.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				look := s.call(t.Context(), http.MethodGet, "/api/inventory/"+product, "")
				order := s.call(t.Context(), http.MethodPost, "/api/orders", wish)
				if look.status != http.StatusOK || order.status != http.StatusCreated {
					select {
					case l.failed <- fmt.Sprintf("%d %s, %d %s", look.status, look.body, order.status, order.body):
					default:
					}
				}
				l.count.Add(1)
			}
		})
	}
	return l
}

// await waits until n more customers have been served.
func (l *load) await(t *testing.T, more int64) {
	t.Helper()
	until := l.count.Load() + more
	eventually(t, readyWithin, "so many customers served", func() bool { return l.count.Load() >= until })
}

func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.done.Wait()
	select {
	case failure := <-l.failed:
		t.Errorf("a request failed: %s", failure)
	default:
		t.Logf("%d customers were served", l.count.Load())
	}
}
