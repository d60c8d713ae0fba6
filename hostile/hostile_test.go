package hostile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// An attack is what one of several hostile clients does in its turn n. It ignores
// what it is answered.
type attack struct {
	name    string
	clients int
	run     func(c *client, n int)
	// long says that it runs in `make hostile` only.
	long bool
}

// A client is one hostile client.
type client struct {
	*router
	ctx  context.Context
	http *http.Client
	held []net.Conn // connections kept until the attack ends
}

func (c *client) post(body any, headers ...string) {
	data, _ := json.Marshal(body)
	c.send(http.MethodPost, "/graphql", bytes.NewReader(data), headers...)
}

func (c *client) send(method, path string, body io.Reader, headers ...string) {
	r, err := http.NewRequestWithContext(c.ctx, method, "http://"+c.address+path, body)
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/json")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if response, err := c.http.Do(r); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
}

// raw sends bytes on a connection of its own, which stays open and is not read.
func (c *client) raw(text string) net.Conn {
	conn, err := new(net.Dialer).DialContext(c.ctx, "tcp", c.address)
	if err != nil {
		return nil
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(conn, text)
	if c.held = append(c.held, conn); len(c.held) > 200 {
		_ = c.held[0].Close()
		c.held = c.held[1:]
	}
	return conn
}

func query(text string) map[string]any { return map[string]any{"query": text} }

func persisted(text string) map[string]any {
	sum := sha256.Sum256([]byte(text))
	return map[string]any{"query": text, "extensions": map[string]any{
		"persistedQuery": map[string]any{"version": 1, "sha256Hash": hex.EncodeToString(sum[:])}}}
}

func request(body, headers string) string {
	return fmt.Sprintf("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s", headers, len(body), body)
}

// fanOut is a short document that selects thousands of fields, in 64 combinations.
func fanOut(n int) map[string]any {
	var b strings.Builder
	b.WriteString("query Q(")
	variables := map[string]bool{}
	for i := range 6 {
		fmt.Fprintf(&b, "$c%d: Boolean = false ", i)
		variables[fmt.Sprintf("c%d", i)] = n>>i&1 == 1
	}
	fmt.Fprintf(&b, ") { n%d: hello ", n/64)
	for i := range 6 {
		fmt.Fprintf(&b, "c%d: user(id: %d) @include(if: $c%d) { ...F0 } ", i, i, i)
	}
	b.WriteString("}")
	for i := range 6 {
		fmt.Fprintf(&b, " fragment F%d on User { ...S f%d: friend { ...F%d } g%d: friend { ...F%d } }", i, i, i+1, i, i+1)
	}
	b.WriteString(" fragment F6 on User { name } fragment S on User { name a b c d e f g }")
	return map[string]any{"query": b.String(), "variables": variables}
}

// bomb is a gzip body of 64 MB of spaces.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(bytes.Repeat([]byte(" "), 64<<20))
	_ = w.Close()
	return b.Bytes()
})

func attacks() []attack {
	ids := make([]int, 200_000)
	padding := strings.Repeat("x", 1_900_000)
	return []attack{
		{"fragments in all combinations", 8, func(c *client, n int) { c.post(fanOut(n)) }, false},
		{"documents of 2 MB", 8, func(c *client, n int) { c.post(query(fmt.Sprintf("{ a%d: hello } #%s", n, padding))) }, false},
		{"registered documents", 8, func(c *client, n int) {
			c.post(persisted(fmt.Sprintf("{ a%d: hello } #%s", n, padding)))
			c.post(persisted(fmt.Sprintf("{ a%d: nothing } #%s", n, padding)))
		}, false},
		{"lists of 200,000 ids", 8, func(c *client, n int) {
			c.post(map[string]any{"query": fmt.Sprintf("query ($ids: [ID!]!) { a%d: byIds(ids: $ids) { name } }", n), "variables": map[string]any{"ids": ids}})
		}, false},
		{"aliases", 8, func(c *client, n int) {
			var b strings.Builder
			for i := range 190 {
				fmt.Fprintf(&b, "a%d_%d: __schema { types { name fields { name args { name } } } } ", n, i)
			}
			c.post(query("{ " + b.String() + "}"))
		}, false},
		{"deep nesting", 8, func(c *client, n int) {
			c.post(query(fmt.Sprintf("{ a%d: user { %s name %s } }", n, strings.Repeat("friend { ", 5000), strings.Repeat("} ", 5000))))
		}, false},
		{"responses that are never read", 20, func(c *client, n int) { c.raw(request(`{"query":"{ long }"}`, "")) }, true},
		{"event streams that are never read", 20, func(c *client, n int) {
			c.raw(request(`{"query":"{ long }"}`, "Accept: text/event-stream\r\n"))
		}, true},
		{"WebSockets", 20, func(c *client, n int) {
			c.raw("GET /graphql HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n")
		}, false},
		{"headers that do not end", 20, func(c *client, n int) { c.raw("POST /graphql HTTP/1.1\r\nHost: x\r\nX-Slow: ") }, false},
		{"bodies that do not end", 20, func(c *client, n int) {
			c.raw("POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2000000\r\n\r\n{\"query\":\"" + padding[:100_000])
		}, false},
		{"connections", 30, func(c *client, n int) { c.raw("") }, false},
		{"huge headers", 8, func(c *client, n int) { c.send(http.MethodGet, "/graphql", nil, "X-Huge: "+padding[:1<<20]) }, false},
		{"compressed bodies", 8, func(c *client, n int) {
			c.send(http.MethodPost, "/graphql", bytes.NewReader(bomb()), "Content-Encoding: gzip")
		}, false},
		{"metric labels and keys", 8, func(c *client, n int) {
			c.send(fmt.Sprintf("M%d", n), fmt.Sprintf("/p%d", n), nil)
			c.post(map[string]any{"query": fmt.Sprintf("query Q%d { hello }", n), "operationName": fmt.Sprintf("Q%d", n)},
				fmt.Sprintf("X-Key: %d%s", n, padding[:10_000]), fmt.Sprintf("Idempotency-Key: %d", n))
		}, false},
	}
}

// config counts callers by a header, which clients make up.
const config = "rate_limit: {enabled: true, by: header, header: X-Key, requests: 100000, interval: 1s}\n"

func TestRouterOutlivesHostileClients(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("there is no /proc to read resident memory from")
	}
	r := start(t, config)
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	defer watching.Wait()
	defer stop()
	watching.Go(func() { r.watch(ctx) })
	idle := r.latencies(200)
	for _, a := range attacks() {
		if a.long && !full {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			r.peak.Store(0)
			during := r.under(t, a)
			t.Logf("idle p99 %v, under attack p50 %v, p99 %v of %d; resident %d MiB at most", idle.at(0.99), during.at(0.5), during.at(0.99), len(during), r.peak.Load()>>20)
			if r.ended.Load() {
				t.Fatalf("the router ended:\n%s", r.log.tail())
			}
			if peak := r.peak.Load(); peak > maxResident {
				t.Errorf("%d MiB resident; at most %d are allowed", peak>>20, maxResident>>20)
			}
			if len(during) == 0 {
				t.Errorf("the well-behaved client was never answered:\n%s", r.log.tail())
			}
			if full && during.at(0.99) > 5*max(idle.at(0.99), 10*time.Millisecond) {
				t.Errorf("the 99th percentile rose from %v to %v", idle.at(0.99), during.at(0.99))
			}
		})
	}
	if after := r.latencies(20); len(after) != 20 {
		t.Errorf("after all attacks %d of 20 requests were answered", len(after))
	}
}

// under attacks the router, and says how a well-behaved client fares meanwhile.
func (r *router) under(t *testing.T, a attack) latencies {
	t.Helper()
	turns, length := 12, 2*time.Second
	if full {
		turns, length = 1<<30, 10*time.Second
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var attacking sync.WaitGroup
	for i := range a.clients {
		attacking.Go(func() {
			c := &client{router: r, ctx: ctx, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}}
			defer c.http.CloseIdleConnections()
			for n := range turns {
				if ctx.Err() != nil {
					break
				}
				a.run(c, i*1_000_000+n)
			}
			if len(c.held) > 0 {
				<-ctx.Done() // what is held is the attack
			}
			for _, conn := range c.held {
				_ = conn.Close()
			}
		})
	}
	var all latencies
	for len(all) < 20 || full && ctx.Err() == nil {
		got := r.latencies(10)
		if all = append(all, got...); len(got) == 0 {
			break
		}
	}
	attacking.Wait()
	return all
}

type latencies []time.Duration

func (l latencies) at(share float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// latencies asks n times for something small, as somebody else than the attackers.
// It tries again while the router refuses, as its Retry-After tells clients to.
func (r *router) latencies(n int) (all latencies) {
	good := &http.Client{Timeout: patience}
	defer good.CloseIdleConnections()
	for end := time.Now().Add(patience); len(all) < n && time.Now().Before(end) && !r.ended.Load(); {
		begun := time.Now()
		response, err := good.Post("http://"+r.address+"/graphql", "application/json", strings.NewReader(`{"query":"{ hello }"}`)) //nolint:noctx // bounded by the client's timeout
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || !strings.Contains(string(body), `"hi"`) {
			time.Sleep(50 * time.Millisecond) // the client's own pace
			continue
		}
		all = append(all, time.Since(begun))
	}
	return all
}
