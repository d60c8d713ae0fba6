package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"souk/router"
	"souk/router/gateway/config"
	"souk/telemetry"
)

const (
	// benchmarkRequests are the requests to each router in a round, from benchmarkClients at
	// the same time.
	benchmarkRequests = 500
	benchmarkClients  = 4
	// benchmarkRouter has the configuration of a router process; see TestMain.
	benchmarkRouter = "SOUK_BENCHMARK_ROUTER"
)

// BenchmarkRecording compares the CPU time of two routers, one with and one without the console.
// Each is a process of its own, so that nothing but the router counts: clients and subgraphs are
// in the process of the benchmark, and both use HTTP. The routers take turns. Each round ends
// with the metrics
//
//	off-µs/req  CPU time of a request without the console
//	on-µs/req   CPU time of a request with it
//	added-%     what the console adds
//	pairs-%     the median of what it adds in a round
//	±           standard error of that median, in the same unit
//
// The first three are those of the rounds with the least CPU time, a tenth of all: other load on
// the machine only adds to it.
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
	routers := []*routerProcess{startRouter(b, urls, false), startRouter(b, urls, true)}
	for range 4 {
		for _, r := range routers {
			r.load(b)
		}
	}
	var rounds [2][]float64 // CPU time of a request, in µs
	var added []float64
	for n := 0; b.Loop(); n++ {
		for i := range routers {
			i ^= n & 1 // none is always the first
			before := routers[i].cpu(b)
			routers[i].load(b)
			rounds[i] = append(rounds[i], float64((routers[i].cpu(b)-before).Nanoseconds())/1e3/benchmarkRequests)
		}
		added = append(added, 100*(rounds[1][n]/rounds[0][n]-1))
	}
	for _, list := range [...][]float64{rounds[0], rounds[1], added} {
		slices.Sort(list)
	}
	least, half := len(added)/10, len(added)/2
	off, on := rounds[0][least], rounds[1][least]
	quartiles := added[3*len(added)/4] - added[len(added)/4]
	b.ReportMetric(0, "ns/op") // rounds are not what is measured
	b.ReportMetric(off, "off-µs/req")
	b.ReportMetric(on, "on-µs/req")
	b.ReportMetric(100*(on/off-1), "added-%")
	b.ReportMetric(added[half], "pairs-%")
	b.ReportMetric(.93*quartiles/math.Sqrt(float64(len(added))), "±") // of a normal distribution
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

func startRouter(b *testing.B, subgraphs map[string]string, console bool) *routerProcess {
	b.Helper()
	settings, err := json.Marshal(routerSettings{Subgraphs: subgraphs, Console: console})
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

type routerSettings struct {
	Subgraphs map[string]string
	Console   bool
}

// TestMain runs the tests, or a router process of BenchmarkRecording.
func TestMain(m *testing.M) {
	settings := os.Getenv(benchmarkRouter)
	if settings == "" {
		os.Exit(m.Run())
	}
	if err := serveRouter(settings); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveRouter prints the address of a router and runs it until the standard input ends.
func serveRouter(settings string) error {
	var s routerSettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return err
	}
	c := config.Default()
	c.OverrideSubgraphURLs = s.Subgraphs
	c.Admin.Console.Enabled, c.Admin.Console.Token = s.Console, token
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
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, used.Utime.Nano()+used.Stime.Nano())
	})
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }() // it ends with Close
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the benchmark ends
	return server.Close()
}
