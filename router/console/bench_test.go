package console_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"souk/internal/processtime"
	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

const (
	// benchmarkRequests are the requests in a round, from benchmarkClients at
	// the same time.
	benchmarkRequests = 500
	benchmarkClients  = 4
	// benchmarkRouter has the URLs of the subgraphs of a router process; see TestMain.
	benchmarkRouter = "SOUK_BENCHMARK_ROUTER"
)

// BenchmarkRecording measures which part of the CPU time of a router the console takes, by a
// CPU profile. The router is a process of its own, so that clients and subgraphs do not count,
// and it uses HTTP. Metrics are
//
//	router-µs/req  CPU time of a request
//	console-%      the part of it in this package and below, called from there or by it
//
// The operation lists products, and fetches reviews of each from the other subgraph.
func BenchmarkRecording(b *testing.B) {
	for _, products := range []int{2, 20} {
		b.Run(fmt.Sprintf("products=%d", products), func(b *testing.B) { benchmarkRecording(b, products) })
	}
}

func benchmarkRecording(b *testing.B, products int) {
	urls := map[string]string{}
	page := `{"data":{"products":[` + strings.TrimSuffix(strings.Repeat(`{"__typename":"Product","id":"1","name":"A product with a name of usual length"},`, products), ",") + `]}}`
	for name, answer := range map[string]func(string, []map[string]any) string{"catalog": func(string, []map[string]any) string { return page }, "reviews": reviews} {
		server := httptest.NewServer(subgraph(answer))
		b.Cleanup(server.Close)
		urls[name] = server.URL + "/graphql"
	}
	r := startRouter(b, urls)
	r.load(b)
	before := r.cpu(b)
	r.profile(b, "start")
	n := 0
	for b.Loop() {
		r.load(b)
		n += benchmarkRequests
	}
	b.ReportMetric(0, "ns/op") // rounds are not what is measured
	b.ReportMetric(100*shareOf(b, r.profile(b, "stop"), "souk/router/console"), "console-%")
	b.ReportMetric(float64((r.cpu(b)-before).Microseconds())/float64(n), "router-µs/req")
}

// shareOf returns the part of a CPU profile with a function of a package, or of one below it, on
// the stack.
func shareOf(b *testing.B, text, pkg string) float64 {
	b.Helper()
	p, err := profile.ParseData([]byte(text))
	if err != nil {
		b.Fatal(err)
	}
	within := func(l *profile.Location) bool {
		return slices.ContainsFunc(l.Line, func(l profile.Line) bool { return strings.HasPrefix(l.Function.Name, pkg) })
	}
	var all, those int64
	for _, s := range p.Sample {
		all += s.Value[0]
		if slices.ContainsFunc(s.Location, within) {
			those += s.Value[0]
		}
	}
	if all == 0 {
		b.Fatal("the profile is empty; use a longer -benchtime")
	}
	return float64(those) / float64(all)
}

// A subgraph responds without delay.
func subgraph(answer func(string, []map[string]any) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Query     string
			Variables map[string]json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		var representations []map[string]any
		for _, v := range in.Variables {
			_ = json.Unmarshal(v, &representations) // others are not lists of objects
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, answer(in.Query, representations))
	})
}

type routerProcess struct{ url string }

func startRouter(b *testing.B, subgraphs map[string]string) *routerProcess {
	b.Helper()
	settings, err := json.Marshal(subgraphs)
	if err != nil {
		b.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), program) // the end of its input ends it
	cmd.Env, cmd.Stderr = append(os.Environ(), benchmarkRouter+"="+string(settings)), os.Stderr
	input, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = input.Close() // which ends the process
		if err := cmd.Wait(); err != nil {
			b.Errorf("the router process: %v", err)
		}
	})
	address, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		b.Fatalf("reading the address of the router process: %v", err)
	}
	return &routerProcess{url: "http://" + strings.TrimSpace(address)}
}

// load sends the requests of a round.
func (p *routerProcess) load(b *testing.B) {
	b.Helper()
	var clients sync.WaitGroup
	for range benchmarkClients {
		clients.Go(func() {
			for range benchmarkRequests / benchmarkClients {
				res, err := http.Post(p.url+"/graphql", "application/json", strings.NewReader(manyBody))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body) // the next request tells
				_ = res.Body.Close()
				if res.StatusCode != http.StatusOK {
					b.Errorf("the router responded with %s", res.Status)
					return
				}
			}
		})
	}
	clients.Wait()
}

// cpu returns the CPU time that the process has used.
func (p *routerProcess) cpu(b *testing.B) time.Duration {
	b.Helper()
	res, body := request(b, http.MethodGet, p.url+"/cpu", "")
	n, err := strconv.ParseInt(body, 10, 64)
	if err != nil || res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %v", res.Status, err)
	}
	return time.Duration(n)
}

// profile starts a CPU profile, or stops and returns it.
func (p *routerProcess) profile(b *testing.B, do string) string {
	b.Helper()
	res, body := request(b, http.MethodGet, p.url+"/profile/"+do, "")
	if res.StatusCode != http.StatusOK {
		b.Fatalf("%s: %s", res.Status, body)
	}
	return body
}

// TestMain runs the tests, or a router process of BenchmarkRecording.
func TestMain(m *testing.M) {
	subgraphs := os.Getenv(benchmarkRouter)
	if subgraphs == "" {
		os.Exit(m.Run())
	}
	if err := serveRouter(subgraphs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveRouter prints the address of a router and runs it until the standard input ends.
func serveRouter(subgraphs string) error {
	c := config.Default()
	urls := map[string]string{}
	if err := json.Unmarshal([]byte(subgraphs), &urls); err != nil {
		return err
	}
	c.OverrideSubgraphURLs = config.SubgraphURLs{}
	for name, url := range urls {
		c.OverrideSubgraphURLs[name] = []string{url}
	}
	c.Admin.Console.Enabled, c.Admin.Console.Token = true, token
	tel, err := telemetry.Setup(context.Background(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		return err
	}
	r, err := router.NewReloadable(context.Background(), c, router.Options{Supergraph: sdl, Telemetry: tel})
	if err != nil {
		return err
	}
	defer r.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", r.Handler())
	mux.HandleFunc("GET /cpu", func(w http.ResponseWriter, _ *http.Request) {
		used, err := processtime.Own()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, used.Nanoseconds())
	})
	var profiled bytes.Buffer
	mux.HandleFunc("GET /profile/start", func(w http.ResponseWriter, _ *http.Request) {
		if err := pprof.StartCPUProfile(&profiled); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("GET /profile/stop", func(w http.ResponseWriter, _ *http.Request) {
		pprof.StopCPUProfile()
		_, _ = w.Write(profiled.Bytes()) // a benchmark that is gone does not need it
	})
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark ends
	return server.Close()
}
