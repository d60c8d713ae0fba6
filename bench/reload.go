package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"souk/internal/loopback"
	"souk/internal/processtime"
	"souk/router/compose"
)

// A reloading measures what reloads of a large supergraph cost the requests meanwhile.
type reloading struct {
	souk        string
	types       int
	reloads     int
	pause       time.Duration // between reloads, and before the first and after the last one
	connections int
	rates       []int         // requests per second; 0 for as many as the router answers
	settled     time.Duration // after the last reload, for the router to return memory
	directory   string
	log, out    io.Writer
}

// The goals of the workload reload: the ratio of the p99 during the reloads to that before, and
// resident memory after the last reload.
const (
	reloadGoalRatio  = 1.25
	reloadGoalMemory = 200 << 20
)

func parseReloading(arguments []string) (*reloading, error) {
	r := &reloading{log: io.Discard, settled: 5 * time.Second}
	flags := flag.NewFlagSet("bench reload", flag.ContinueOnError)
	flags.StringVar(&r.souk, "souk", "", "the souk program")
	flags.IntVar(&r.types, "types", 5000, "the number of entity types of the supergraph")
	flags.IntVar(&r.reloads, "reloads", 6, "how often the file of the supergraph changes")
	flags.DurationVar(&r.pause, "pause", time.Second, "the time between two reloads")
	flags.IntVar(&r.connections, "connections", 50, "how many connections send requests")
	rates := flags.String("rates", "4000,0", "requests per second, separated by commas; 0 for as many as the router answers")
	verbose := flags.Bool("verbose", false, "print the output of the router")
	if err := parseFlags(flags, arguments); err != nil {
		return nil, err
	}
	if r.souk == "" {
		return nil, fmt.Errorf("name the souk program with -souk, or run make bench BENCH=reload")
	}
	if r.types < 1 || r.reloads < 1 || r.pause <= 0 || r.connections < 1 {
		return nil, fmt.Errorf("-types, -reloads, -pause and -connections must be positive")
	}
	if *verbose {
		r.log = os.Stderr
	}
	for _, text := range strings.Split(*rates, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("-rates has %q; it must have numbers, separated by commas", text)
		}
		r.rates = append(r.rates, n)
	}
	return r, nil
}

const (
	reloadHeader = "requests/s   before: p50 ms   p99 ms   during: p50 ms   p99 ms   ratio   reload ms   µs/request: before   during   MiB: before   peak   after"
	reloadRow    = "%10.0f   %14.2f   %6.2f   %14.2f   %6.2f   %5.2f   %9.0f   %18.1f   %6.1f   %11d   %4d   %5d  (goals: %.2f, %d MiB)"
)

// run measures each rate with a router of its own.
func (r *reloading) run(ctx context.Context) error {
	versions, err := r.versions(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(r.out, "\nreload: %d changes of a supergraph of %d entity types (%.1f MB) under { __typename } on %d connections\n%s\n",
		r.reloads, r.types, float64(len(versions[0]))/1e6, r.connections, reloadHeader)
	for _, rate := range r.rates {
		line, err := r.measure(ctx, rate, versions)
		if err != nil {
			return fmt.Errorf("measuring reloads: %w", err)
		}
		fmt.Fprintln(r.out, line)
	}
	return nil
}

// versions composes the supergraph, and adds a field to Query and to a few types for each reload.
func (r *reloading) versions(ctx context.Context) ([]string, error) {
	composed, err := compose.Compose(ctx, generated(r.types))
	if err != nil {
		return nil, fmt.Errorf("composing the supergraph: %w", err)
	}
	all := []string{composed.SDL}
	for i := range r.reloads {
		text := all[i]
		for j, n := range []int{-1, i * r.types / r.reloads, r.types - 1} {
			if text, err = extended(text, n, added(i+1, j)); err != nil {
				return nil, err
			}
		}
		all = append(all, text)
	}
	return all, nil
}

// extended returns a supergraph with one more field of an item or, for -1, of Query.
func extended(text string, item int, field string) (string, error) {
	name, graph := "Query", 0
	if item >= 0 {
		name, graph = "Item"+strconv.Itoa(item), item%count
	}
	begin := strings.Index(text, "\ntype "+name+"\n")
	if begin < 0 {
		begin = strings.Index(text, "\ntype "+name+" ")
	}
	open := strings.Index(text[max(begin, 0):], "{\n")
	if begin < 0 || open < 0 {
		return "", fmt.Errorf("changing the supergraph: it has no type %s", name)
	}
	at := begin + open + len("{\n")
	return text[:at] + fmt.Sprintf("  %s: Int @join__field(graph: S%d)\n", field, graph) + text[at:], nil
}

// added is the name of a field that a version of the supergraph has first.
func added(version, n int) string { return fmt.Sprintf("version%d_%d", version, n) }

// count is the number of subgraphs.
const count = 4

// generated returns subgraphs that share entities, value types, enums and inputs.
func generated(types int) []compose.Subgraph {
	var sdls [count]strings.Builder
	for i := range sdls {
		fmt.Fprintf(&sdls[i], `extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable", "@external", "@requires"])
type Query { list%d(filter: Filter): [Page!] @shareable node%d(id: ID!): Node }
interface Node { id: ID! }
enum Order { ASCENDING DESCENDING }
input Filter { text: String = "" first: Int = 10 order: Order = ASCENDING }
type Page @shareable { total: Int! next: String }
`, i, i)
	}
	for n := range types {
		home, guest := n%count, (n+1)%count
		fmt.Fprintf(&sdls[home], "\"An item of the kind %d.\"\ntype Item%d implements Node @key(fields: \"id\") { id: ID! name: String! weight: Int \"In the currency of the buyer.\" price(currency: String = \"EUR\"): Float page: Page next: Item%d labels: [String!] }\n",
			n, n, (n+count)%types/count*count+home)
		fmt.Fprintf(&sdls[guest], "type Item%d implements Node @key(fields: \"id\") { id: ID! weight: Int @external shipping: Int @requires(fields: \"weight\") stock(first: Int): [Page!] }\n", n)
	}
	all := make([]compose.Subgraph, count)
	for i := range all {
		all[i] = compose.Subgraph{Name: fmt.Sprintf("s%d", i), URL: fmt.Sprintf("http://127.0.0.1:9/s%d", i), SDL: sdls[i].String()}
	}
	return all
}

// trivial is a workload whose requests the router answers itself.
var trivial = workload{name: "reload", operations: 1, operation: same(`{ __typename }`)}

// measure reloads a router under a rate of requests, and returns a line.
func (r *reloading) measure(ctx context.Context, rate int, versions []string) (string, error) {
	router, err := r.start(ctx, versions[0])
	if err != nil {
		return "", err
	}
	defer router.stop()
	if _, err := router.ask(ctx, "POST", "/graphql", []byte(`{"query":"{ __typename }"}`)); err != nil {
		return "", err
	}
	w := trivial
	w.connections = r.connections
	l, err := newLoad(&w, router.address)
	if err != nil {
		return "", err
	}
	defer l.close()
	if rate > 0 {
		l.every = time.Duration(r.connections) * time.Second / time.Duration(rate)
	}
	if _, err := l.run(ctx, r.pause, 1<<40); err != nil { // warms up
		return "", err
	}
	before, err := r.sample(ctx, router, l, func(ctx context.Context) error { return wait(ctx, time.Duration(r.reloads)*r.pause) })
	if err != nil {
		return "", err
	}
	var took []time.Duration
	during, err := r.sample(ctx, router, l, func(ctx context.Context) (err error) {
		took, err = r.reload(ctx, router, versions[1:])
		return errors.Join(err, wait(ctx, r.pause))
	})
	if err != nil {
		return "", err
	}
	after, err := r.sample(ctx, router, l, func(ctx context.Context) error { return wait(ctx, r.settled) })
	if err != nil {
		return "", err
	}
	_, left, err := processtime.Of(router.cmd.Process.Pid)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(reloadRow, float64(during.requests)/during.wall.Seconds(),
		milliseconds(before.p50), milliseconds(before.p99), milliseconds(during.p50), milliseconds(during.p99), float64(during.p99)/float64(before.p99),
		milliseconds(median(took)), float64(before.perRequest().Nanoseconds())/1e3, float64(during.perRequest().Nanoseconds())/1e3,
		before.resident>>20, max(during.resident, after.resident)>>20, left>>20, reloadGoalRatio, reloadGoalMemory>>20), nil
}

// start starts a router with a supergraph.
func (r *reloading) start(ctx context.Context, supergraph string) (*process, error) {
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return nil, fmt.Errorf("starting the router: %w", err)
	}
	if err := r.write("supergraph.graphql", supergraph); err != nil {
		return nil, err
	}
	config := "supergraph: {file: " + strconv.Quote(filepath.Join(r.directory, "supergraph.graphql")) + ", poll_interval: 200ms}\nlisten: " + address + "\nadmin: {listen: \"127.0.0.1:0\"}\n"
	if err := r.write("router.yaml", config); err != nil {
		return nil, err
	}
	return start(ctx, r.log, "souk", address, nil, []string{r.souk, "router", "--config", filepath.Join(r.directory, "router.yaml")})
}

// write replaces a file at once, as deployments do.
func (r *reloading) write(name, text string) error {
	path := filepath.Join(r.directory, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing a file of the benchmark: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing a file of the benchmark: %w", err)
	}
	return nil
}

// sample measures the router under load while a function runs. The resident memory is the largest.
func (r *reloading) sample(ctx context.Context, router *process, l *load, meanwhile func(context.Context) error) (sample, error) {
	var out sample
	before, _, err := processtime.Of(router.cmd.Process.Pid)
	if err != nil {
		return out, err
	}
	began := time.Now()
	loaded, end := context.WithCancel(ctx)
	defer end()
	var all sync.WaitGroup
	var took []time.Duration
	var failed, watched error
	all.Go(func() { took, failed = l.run(loaded, time.Hour, 1<<40) })
	all.Go(func() { out.resident, watched = watch(loaded, router.cmd.Process.Pid) })
	err = meanwhile(ctx)
	end()
	all.Wait()
	if err := errors.Join(err, failed, watched); err != nil {
		return out, err
	}
	out.wall = time.Since(began)
	after, _, err := processtime.Of(router.cmd.Process.Pid)
	if err != nil {
		return out, err
	}
	if len(took) == 0 {
		return out, errors.New("no request ended")
	}
	out.requests, out.cpu = len(took), after-before
	out.p50, out.p99 = percentile(took, 50), percentile(took, 99)
	return out, nil
}

// watch returns the largest resident memory of a process until ctx is done.
func watch(ctx context.Context, pid int) (most int64, err error) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		resident, err := residentMemory(pid)
		if err != nil {
			return 0, err
		}
		most = max(most, resident)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return most, nil
}

// residentMemory reads the resident memory of one process from proc_pid_statm(5).
func residentMemory(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("reading the memory of a process: %w", err)
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0, fmt.Errorf("reading the memory of a process: %q has no resident memory", text)
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("reading the memory of a process: %w", err)
	}
	return pages * int64(os.Getpagesize()), nil
}

// reload writes one version after the other, and returns how long each took until it was in use.
func (r *reloading) reload(ctx context.Context, router *process, versions []string) ([]time.Duration, error) {
	var took []time.Duration
	for i, text := range versions {
		began := time.Now()
		if err := r.write("supergraph.graphql", text); err != nil {
			return nil, err
		}
		// Documents with the field are invalid before. It is not requested.
		if _, err := router.ask(ctx, "POST", "/graphql", []byte(`{"query":"{ __typename `+added(i+1, 0)+` @skip(if: true) }"}`)); err != nil {
			return nil, fmt.Errorf("waiting for version %d of the supergraph: %w", i+1, err)
		}
		took = append(took, time.Since(began))
		if err := wait(ctx, r.pause); err != nil {
			return nil, err
		}
	}
	slices.Sort(took)
	return took, nil
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
