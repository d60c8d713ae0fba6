package loop_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"souk/dev/loop"
	"souk/internal/outputtest"
)

const (
	products = "type Query { products: [Product!]! }\ntype Product @key(fields: \"id\") { id: ID! name: String price: Int }\n"
	reviews  = "type Query { reviews: [Review!]! }\ntype Review { id: ID! body: String }\n"
	header   = "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.3\", import: [\"@key\"])\n"
)

// A bench runs a loop with a clock of its own.
type bench struct {
	dir    string
	served chan string
	poll   chan time.Time
	out    outputtest.Buffer
	end    func() error
}

// write replaces a file at once, as many editors do: the loop's clock does not wait for a
// second step.
func (b *bench) write(t *testing.T, name, text string) {
	t.Helper()
	temporary := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(temporary, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(temporary, filepath.Join(b.dir, name)); err != nil {
		t.Fatal(err)
	}
}

func start(t *testing.T, files map[string]string, change func(*loop.Options)) *bench {
	t.Helper()
	b := &bench{dir: t.TempDir(), served: make(chan string, 10), poll: make(chan time.Time)}
	for name, text := range files {
		b.write(t, name, text)
	}
	always := make(chan time.Time)
	close(always)
	o := loop.Options{
		Config: filepath.Join(b.dir, "supergraph.yaml"), Lookup: os.LookupEnv, Client: http.DefaultClient, Poll: time.Hour, Out: &b.out,
		After: func(d time.Duration) <-chan time.Time {
			if d == time.Hour {
				return b.poll
			}
			return always
		},
		Now: time.Now,
		Serve: func(_ context.Context, sdl string) error {
			b.served <- sdl
			return nil
		},
	}
	if change != nil {
		change(&o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- loop.Run(ctx, o) }()
	b.end = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		if err := b.end(); err != nil {
			t.Errorf("the loop ended with %v", err)
		}
	})
	return b
}

// tick lets the loop poll, once and completely.
func (b *bench) tick() {
	b.poll <- time.Time{}
	b.poll <- time.Time{}
}

// awaitOutput waits until the loop has written a text.
func (b *bench) awaitOutput(t *testing.T, want string) {
	t.Helper()
	var all string
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if all += b.out.Take(); strings.Contains(all, want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got output\n%s\nwant %s", all, want)
		}
	}
}

// awaitMatches waits until the loop has written what matches a pattern n times, and returns the
// text of its group each time.
func (b *bench) awaitMatches(t *testing.T, pattern string, n int) []string {
	t.Helper()
	var all string
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		all += b.out.Take()
		var groups []string
		for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(all, n) {
			groups = append(groups, match[1])
		}
		if len(groups) == n {
			return groups
		}
		if time.Now().After(end) {
			t.Fatalf("got output\n%s\nwant %s %d times", all, pattern, n)
		}
	}
}

const twoFiles = `subgraphs:
  products: {routing_url: "http://localhost:1", schema: {file: products.graphqls}}
  reviews: {routing_url: "http://localhost:2", schema: {file: reviews.graphqls}}
`

// A change of a file is composed and served without a poll, and told.
func TestChangeOfAFileIsServed(t *testing.T) {
	b := start(t, map[string]string{"supergraph.yaml": twoFiles, "products.graphqls": header + products, "reviews.graphqls": reviews}, nil)
	if first := <-b.served; !strings.Contains(first, "price: Int") {
		t.Fatalf("got %s", first)
	}
	b.awaitOutput(t, "Composed products, reviews.\n")
	b.write(t, "products.graphqls", header+strings.Replace(products, "price: Int", "cost: Int", 1))
	if next := <-b.served; !strings.Contains(next, "cost: Int") {
		t.Fatalf("got %s", next)
	}
	b.awaitOutput(t, "  + Product.cost\n  - Product.price (breaking)\n")
}

// A graph that does not compose is reported with its place, once, and the one before stays.
func TestLastGoodGraphStays(t *testing.T) {
	b := start(t, map[string]string{"supergraph.yaml": twoFiles, "products.graphqls": header + products, "reviews.graphqls": reviews}, nil)
	<-b.served
	b.awaitOutput(t, "Composed")
	b.write(t, "products.graphqls", header+strings.Replace(products, `"id"`, `"idd"`, 1))
	b.awaitOutput(t, "The router keeps the last graph that composed.\n")
	b.write(t, "reviews.graphqls", "type Query {")
	b.awaitOutput(t, filepath.Join(b.dir, "reviews.graphqls")+":1:13: INVALID_GRAPHQL: ")
	b.tick()
	if again := b.out.Take(); strings.Contains(again, "INVALID_GRAPHQL") {
		t.Errorf("reported twice: %s", again)
	}
	b.write(t, "products.graphqls", header+products)
	b.write(t, "reviews.graphqls", reviews)
	b.awaitOutput(t, "The API schema is the same.\n")
	if len(b.served) > 0 {
		t.Error("a supergraph that does not differ was served again")
	}
}

func TestMissingFileAndInvalidConfigurationAreReported(t *testing.T) {
	b := start(t, map[string]string{"supergraph.yaml": twoFiles, "products.graphqls": header + products}, nil)
	b.awaitOutput(t, "Waiting until the subgraphs compose.")
	b.write(t, "reviews.graphqls", reviews)
	<-b.served
	b.awaitOutput(t, "Composed")
	b.write(t, "supergraph.yaml", twoFiles+"x: 1\n")
	b.awaitOutput(t, `supergraph.yaml:4:1: unknown key "x"; known are federation_version, subgraphs, version`+"\nThe router keeps the last graph that composed.\n")
	b.write(t, "supergraph.yaml", twoFiles)
	b.awaitOutput(t, "The problem is gone; the graph is the one being served.\n")
}

func TestConfigurationThatIsInvalidAtTheStartEndsTheLoop(t *testing.T) {
	path := filepath.Join(t.TempDir(), "supergraph.yaml")
	if err := os.WriteFile(path, []byte("x: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := loop.Run(t.Context(), loop.Options{Config: path, Lookup: os.LookupEnv, After: time.After})
	if err == nil || !strings.HasPrefix(err.Error(), path+`:1:1: unknown key "x"`) {
		t.Errorf("got %v", err)
	}
}

func TestFirstSupergraphThatCannotBeServedEndsTheLoop(t *testing.T) {
	refusal := errors.New("the port is in use")
	path := filepath.Join(t.TempDir(), "supergraph.yaml")
	if err := os.WriteFile(path, []byte("subgraphs: {a: {routing_url: 'http://localhost:1', schema: {sdl: 'type Query { a: Int }'}}}"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := loop.Run(t.Context(), loop.Options{
		Config: path, Lookup: os.LookupEnv, After: time.After, Now: time.Now, Out: io.Discard, Poll: time.Hour,
		Serve: func(context.Context, string) error { return refusal },
	})
	if !errors.Is(err, refusal) {
		t.Errorf("got %v", err)
	}
}

// sdlServer is a running subgraph whose SDL changes.
type sdlServer struct {
	sdl  atomic.Pointer[string]
	down atomic.Bool
}

func (s *sdlServer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	if s.down.Load() {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"_service": map[string]any{"sdl": *s.sdl.Load()}}})
}

// serveReviews starts a subgraph with the schema reviews, and returns its URL.
func serveReviews(t *testing.T) (*sdlServer, string) {
	t.Helper()
	sdl := reviews
	service := &sdlServer{}
	service.sdl.Store(&sdl)
	server := httptest.NewServer(service)
	t.Cleanup(server.Close)
	return service, server.URL
}

// A running subgraph is polled. While it is down, its last schema stays in the graph, and
// changes of other subgraphs are composed.
func TestRunningSubgraphIsPolled(t *testing.T) {
	service, address := serveReviews(t)
	b := start(t, map[string]string{
		"supergraph.yaml": "subgraphs:\n  products: {routing_url: 'http://localhost:1', schema: {file: products.graphqls}}\n" +
			"  reviews: {schema: {subgraph_url: '" + address + "'}}\n",
		"products.graphqls": header + products,
	}, nil)
	<-b.served
	b.awaitOutput(t, "Composed")
	changed := strings.Replace(reviews, "body", "text", 1)
	service.sdl.Store(&changed)
	b.tick()
	if next := <-b.served; !strings.Contains(next, "text: String") {
		t.Fatalf("got %s", next)
	}
	service.down.Store(true)
	b.tick()
	b.awaitOutput(t, address+" responded with status 503 and without a GraphQL response in JSON")
	b.write(t, "products.graphqls", header+strings.Replace(products, "price", "cost", 1))
	if next := <-b.served; !strings.Contains(next, "text: String") || !strings.Contains(next, "cost: Int") {
		t.Fatalf("got %s", next)
	}
	b.awaitOutput(t, "Composed")
}

// Nothing starts a mocked subgraph, so that its URL has no schema.
func TestSchemaOfAMockedSubgraphAtItsURLIsReported(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	b := start(t, map[string]string{"supergraph.yaml": "subgraphs: {a: {run: [none], schema: {subgraph_url: '" + server.URL + "'}}}\n"}, func(o *loop.Options) {
		o.Mocked = []string{"a"}
	})
	b.awaitOutput(t, "start it, or correct its URL; Souk does not start it, since it is mocked: put its schema in a file instead, and name that in schema.file")
}

// That the last graph stays is said only if no other is composed, although a subgraph is down.
func TestNewGraphIsNotCalledTheLastOne(t *testing.T) {
	service, address := serveReviews(t)
	b := start(t, map[string]string{
		"supergraph.yaml": "subgraphs:\n  products: {routing_url: 'http://localhost:1', schema: {command: [cat, products.graphqls]}}\n" +
			"  reviews: {schema: {subgraph_url: '" + address + "'}}\n",
		"products.graphqls": header + products,
	}, nil)
	<-b.served
	service.down.Store(true)
	b.write(t, "products.graphqls", header+strings.Replace(products, "price", "cost", 1))
	b.poll <- time.Time{} // the poll finds both
	<-b.served
	if err := b.end(); err != nil {
		t.Fatal(err)
	}
	if all := b.out.Take(); !strings.Contains(all, "status 503") || strings.Contains(all, "keeps the last graph") {
		t.Errorf("got output\n%s", all)
	}
}

// A subgraph that the loop starts may need some time, and is started again if it ends.
func TestSubgraphsAreStarted(t *testing.T) {
	b := start(t, map[string]string{
		"supergraph.yaml":   "subgraphs:\n  products: {routing_url: 'http://localhost:1', run: [sh, -c, 'echo started; cat products.graphqls >&2; exit 3'], schema: {command: [cat, products.graphqls]}}\n",
		"products.graphqls": header + products,
	}, nil)
	if first := <-b.served; !strings.Contains(first, "price: Int") {
		t.Fatalf("got %s", first)
	}
	b.awaitOutput(t, "products | started\n")
	b.awaitOutput(t, "failed: exit status 3; it starts again in ")
}

// Restarts wait longer each time, until a process has run for a while.
func TestRestartOfASteadyProcessDoesNotWaitLong(t *testing.T) {
	clock, calls := time.Unix(0, 0), 0
	b := start(t, map[string]string{
		"supergraph.yaml":   "subgraphs:\n  products: {routing_url: 'http://localhost:1', run: [sh, -c, 'exit 3'], schema: {file: products.graphqls}}\n",
		"products.graphqls": header + products,
	}, func(o *loop.Options) {
		o.Now = func() time.Time { // is called when a process starts and when it has ended
			if calls++; calls == 2*4 {
				clock = clock.Add(time.Minute)
			}
			return clock
		}
	})
	<-b.served
	waits := b.awaitMatches(t, `failed: exit status 3; it starts again in (\w+)\n`, 6)
	if got, want := strings.Join(waits, " "), "1s 2s 4s 1s 2s 4s"; got != want {
		t.Errorf("got the waits %s, want %s", got, want)
	}
}

// A process can be restarted by ending it: its number is written.
func TestProcessThatIsEndedStartsAgain(t *testing.T) {
	b := start(t, map[string]string{
		"supergraph.yaml":   "subgraphs:\n  products: {routing_url: 'http://localhost:1', run: [sleep, '1000'], schema: {file: products.graphqls}}\n",
		"products.graphqls": header + products,
	}, nil)
	<-b.served
	number, err := strconv.Atoi(b.awaitMatches(t, "products: started `sleep 1000` as process (\\d+)\n", 1)[0])
	if err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(number)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	b.awaitMatches(t, "(?s)failed: signal: terminated; it starts again in 1s\n.*products: started `sleep 1000` as process (\\d+)\n", 1)
}
