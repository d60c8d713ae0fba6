//go:build unix

package subscribers_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"souk/internal/processtime"
	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/telemetry"
)

var (
	subscribers = flag.Int("subscribers", 1000, "number of idle subscribers")
	profiles    = flag.String("profiles", "", "directory for profiles of the heap and of goroutines while all are idle")
)

const (
	// subscriberBytes bounds the resident memory that an idle subscriber takes, before its first
	// event and after it, so that 10,000 fit in 200 MB.
	subscriberBytes = 20_000
	// fixedBytes is what the first subscription takes besides: its plan, pools of buffers, and
	// pages that the heap does not fill.
	fixedBytes = 2_000_000
	// many subscribers get an event within manyTime of processor time. Fewer are not measured,
	// because others may use the machine.
	many, manyTime = 10_000, time.Second
)

// A ticker is a subgraph that sends one event when it is told to.
type ticker struct{ tick chan struct{} }

func (s *ticker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // otherwise the end of the connection goes unnoticed
	w.Header().Set("Content-Type", "text/event-stream")
	_ = http.NewResponseController(w).Flush()
	select {
	case <-s.tick:
		fmt.Fprint(w, "event: next\ndata: {\"data\":{\"ticks\":1}}\n\n")
		_ = http.NewResponseController(w).Flush()
	case <-r.Context().Done():
	}
	<-r.Context().Done()
}

// serve serves a router on an address, which it returns.
func serve(t *testing.T, subgraph http.Handler) string {
	t.Helper()
	upstream := httptest.NewServer(subgraph)
	t.Cleanup(func() { upstream.CloseClientConnections(); upstream.Close() })
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{{Name: "a", URL: upstream.URL, SDL: "type Query { hello: String } type Subscription { ticks: Int }"}})
	if err != nil {
		t.Fatal(err)
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.Listen, c.Admin.Listen = l.Addr().String(), ""
	_ = l.Close()
	c.Limits.MaxConnections, c.Limits.ConnectionRate = 0, 0
	c.Subscriptions.MaxConnections, c.Subscriptions.DrainPeriod = 0, 100*time.Millisecond
	c.Subscriptions.Heartbeat = time.Hour // idle means idle
	c.Subscriptions.All.Protocol = "sse"
	listening := make(chan struct{})
	r, err := router.New(t.Context(), c, router.Options{Supergraph: composed.SDL, Telemetry: tel, Listening: func() { close(listening) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- r.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Log(err) // of clients that have gone
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	<-listening
	return c.Listen
}

// A usage is what the process uses.
type usage struct {
	resident, heap, stacks int
	cpu                    time.Duration
}

func measure(t *testing.T) usage {
	t.Helper()
	debug.FreeOSMemory()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{resident: resident(t), heap: int(m.HeapAlloc), stacks: int(m.StackInuse), cpu: cpu(t)}
}

// resident returns the resident memory of the process in bytes.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skipf("skipped: the memory of the process is not known: %v", err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func cpu(t *testing.T) time.Duration {
	t.Helper()
	used, err := processtime.Own()
	if err != nil {
		t.Fatal(err)
	}
	return used
}

// affordable returns the number of subscribers that the limit on open files allows, after it has
// been raised as far as possible.
func affordable(t *testing.T, n int) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Logf("raising the limit on open files: %v", err)
	}
	if most := int(limit.Cur) - 200; n > most {
		t.Logf("the limit on open files (%d) allows only %d of %d subscribers", limit.Cur, most, n)
		return most
	}
	return n
}

func TestIdleSubscribersGetEvents(t *testing.T) {
	for _, protocol := range []string{"sse", "multipart", "websocket"} {
		t.Run(protocol, func(t *testing.T) {
			n := affordable(t, *subscribers)
			s := &ticker{tick: make(chan struct{})}
			address := serve(t, s)
			before := measure(t)
			expect, leave := startClient(t, address, protocol, n)
			expect("open")
			writeProfiles(t, protocol)
			idle := measure(t)
			s.tick <- struct{}{}
			expect("got")
			again := usage{resident: resident(t), cpu: cpu(t)} // garbage counts: idle subscribers cause no collection
			taken, kept, spent := idle.resident-before.resident, again.resident-before.resident, again.cpu-idle.cpu
			t.Logf("%d idle subscribers over %s: each takes %.1f kB of resident memory (heap %.1f kB, stacks %.1f kB), and %.1f kB when it is idle again after an event to all, which takes %v of processor time",
				n, protocol, kilobytes(taken, n), kilobytes(idle.heap-before.heap, n), kilobytes(idle.stacks-before.stacks, n),
				kilobytes(kept, n), spent.Round(time.Millisecond))
			if most := n*subscriberBytes + fixedBytes; max(taken, kept) > most && !underRace {
				t.Errorf("they take %d bytes of resident memory, and %d after an event, more than %d", taken, kept, most)
			}
			if n >= many && spent > manyTime*time.Duration(n)/many {
				t.Errorf("an event takes %v of processor time, more than %v for each %d subscribers", spent, manyTime, many)
			}
			leave()
		})
	}
}

// startClient starts another process that opens subscriptions. The first function waits for what
// it says, the second one lets it end.
func startClient(t *testing.T, address, protocol string, n int) (expect func(string), leave func()) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	client := exec.CommandContext(t.Context(), program)
	client.Env = append(os.Environ(), clientAddress+"="+address, clientProtocol+"="+protocol, clientCount+"="+strconv.Itoa(n))
	client.Stderr = t.Output()
	stdin, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	expect = func(want string) {
		t.Helper()
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the client says %q, want %q", lines.Text(), want)
		}
	}
	return expect, func() {
		_ = stdin.Close()
		if err := client.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func kilobytes(bytes, n int) float64 { return float64(bytes) / 1000 / float64(n) }

func writeProfiles(t *testing.T, protocol string) {
	t.Helper()
	if *profiles == "" {
		return
	}
	for _, name := range []string{"heap", "goroutine"} {
		f, err := os.Create(*profiles + "/" + protocol + "." + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := pprof.Lookup(name).WriteTo(f, 0); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
