package oracle_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"souk/router/compose"
	"souk/router/execute"
	"souk/router/internal/oracle"
	"souk/router/introspect"
	"souk/router/operation"
	"souk/router/plan"
	"souk/router/plan/planner"
	"souk/router/supergraph"
)

var (
	firstSeed  = flag.Uint64("oracle.seed", 0, "the seed of the first graph")
	graphs     = flag.Uint64("oracle.graphs", 16, "the number of generated graphs, each with two sets of data")
	operations = flag.Uint64("oracle.operations", 150, "the number of operations for each set of data")
)

// TestRouterMatchesMonolith checks, for random graphs and operations, that the router
// returns the same response as a single executable schema.
func TestRouterMatchesMonolith(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*graphs; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			subgraphs := oracle.Split(seed)
			sdl, err := supergraphOf(t.Context(), subgraphs)
			if err != nil {
				t.Skipf("the subgraphs do not compose: %v", err)
			}
			compareWithMonolith(t, sdl, subgraphs, seed)
		})
	}
}

// compareWithMonolith sends operations to a graph with and without errors in the data.
func compareWithMonolith(t *testing.T, sdl string, subgraphs map[string]string, seed uint64) {
	t.Helper()
	for _, faults := range []bool{false, true} {
		r := newRouter(t, sdl, oracle.Options{Seed: seed, Faults: faults, Subgraphs: subgraphs})
		rng := rand.New(rand.NewPCG(seed, 1))
		if faults {
			rng = rand.New(rand.NewPCG(seed, 2))
		}
		failures := 0
		for range *operations {
			if op := r.world.Generate(rng.IntN); !r.check(t, op) {
				if failures++; failures == 3 {
					t.Fatal("stopping after three failures")
				}
			}
		}
		t.Logf("%d responses were sent early", r.early.Load())
	}
}

// TestStoreMatchesMonolith does the same with the graph of the store.
func TestStoreMatchesMonolith(t *testing.T) {
	subgraphs, sdl := store(t)
	for seed := *firstSeed; seed < *firstSeed+4; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			compareWithMonolith(t, sdl, subgraphs, seed)
		})
	}
}

// store returns the SDLs of the store's subgraphs and its supergraph.
func store(t testing.TB) (subgraphs map[string]string, sdl string) {
	t.Helper()
	read := func(path string) string {
		text, err := os.ReadFile("../../../schema/" + path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	subgraphs = map[string]string{}
	for _, name := range []string{"user", "product", "inventory", "order", "notification"} {
		subgraphs[name] = read("shared.graphqls") + read(name+".graphqls")
	}
	return subgraphs, read("supergraph.graphql")
}

// A router has the stages of a request after HTTP, for the subgraphs of a world.
type router struct {
	world    *oracle.World
	schema   *operation.Schema
	planner  *planner.Planner
	executor *execute.Executor
	// latencies are those of the subgraphs that plans are made by, or nil.
	latencies planner.Latencies
	early     *atomic.Int64 // responses of which a part was sent before the last subgraph response had arrived
}

func (r *router) plan(op *operation.Operation) (*plan.Plan, error) {
	if r.latencies == nil {
		return r.planner.Plan(op)
	}
	p, _, err := r.planner.PlanBy(op, r.latencies)
	return p, err
}

func supergraphOf(ctx context.Context, subgraphs map[string]string) (string, error) {
	var list []compose.Subgraph
	for name, sdl := range subgraphs {
		list = append(list, compose.Subgraph{Name: name, URL: "http://" + name, SDL: sdl})
	}
	composed, err := compose.Compose(ctx, list)
	if err != nil {
		return "", err
	}
	return composed.SDL, nil
}

func newRouter(t testing.TB, sdl string, options oracle.Options) *router {
	t.Helper()
	model, err := supergraph.Parse(sdl)
	if err != nil {
		t.Fatal(err)
	}
	options.API = model.APISchema
	world, err := oracle.New(options)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := operation.NewSchema(model.APISchema)
	if err != nil {
		t.Fatal(err)
	}
	return &router{
		world: world, schema: schema, planner: planner.New(model, planner.Options{}), early: new(atomic.Int64),
		executor: execute.New(execute.Options{
			Transport:  transport{world},
			Introspect: introspect.New(schema).Answer,
		}),
	}
}

// check compares the responses of the router and the monolith to an operation.
func (r *router) check(t *testing.T, op oracle.Operation) bool {
	t.Helper()
	document, err := r.schema.Parse(op.Query, "")
	if err != nil {
		return true // conflicting fields
	}
	variables, err := document.Variables(op.Variables)
	if err != nil {
		t.Errorf("variables %s of %s: %v", op.Variables, op.Query, err)
		return false
	}
	want, err := r.world.Monolith(op.Query, op.Values())
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.plan(document.Operation(variables))
	if err != nil {
		t.Errorf("no plan: %v\n%s", err, op.Query)
		return false
	}
	program, err := r.executor.Compile(p)
	if err != nil {
		t.Errorf("no program: %v\n%s\n%s", err, op.Query, explain(p))
		return false
	}
	request := &execute.Request{Program: program, Variables: variables, Internals: true}
	if len(p.Deferred) > 0 {
		got := r.deliver(t, request)
		if got.is(t, want.Data) && sameErrors(got.errors, want) {
			return r.checkFragments(t, op, *request, want)
		}
		t.Errorf("operation %s\nvariables %s\n\n%s\ngot  %v\nwant %s\nerrors, got  %s\nerrors, want %v",
			op.Query, op.Variables, explain(p), got.data, want.Data, got.errors, want.Errors)
		return false
	}
	for _, early := range []bool{false, true} {
		client := &earlyClient{begun: r.early}
		if early {
			request.Early = client
		}
		response := r.executor.Execute(t.Context(), request)
		var got struct {
			Data   json.RawMessage     `json:"data"`
			Errors []oracle.FieldError `json:"errors"`
		}
		body := bytes.Clone(response.Body)
		response.Release()
		if err := json.Unmarshal(body, &got); err != nil {
			t.Errorf("the answer is not JSON: %v: %s", err, body)
			return false
		}
		if !bytes.HasPrefix(body, client.sent) || !same(t, got.Data, want.Data) || !sameErrors(got.Errors, want) {
			t.Errorf("operation %s\nvariables %s\n\n%s\nsent early %s\ngot  %s\nwant %s\nerrors, got  %s\nerrors, want %v",
				op.Query, op.Variables, explain(p), client.sent, got.Data, want.Data, got.Errors, want.Errors)
			return false
		}
	}
	return true
}

// An earlyClient reads a response while it is made.
type earlyClient struct {
	begun *atomic.Int64
	sent  []byte
}

func (c *earlyClient) Begin() { c.begun.Add(1) }

func (c *earlyClient) Send(body []byte) { c.sent = append(c.sent, body[len(c.sent):]...) }

// sameErrors compares the paths of errors. If a required field has an error, the router
// reports it at a path that is not compared.
func sameErrors(got []oracle.FieldError, want oracle.Result) bool {
	if want.RequiredFaults > 0 {
		return len(places(got)) >= len(places(want.Errors)) && len(got) > 0
	}
	return slices.Equal(places(got), places(want.Errors))
}

func places(list []oracle.FieldError) []string {
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = fmt.Sprint(e.Path)
	}
	slices.Sort(out)
	return slices.Compact(out) // several subgraphs can fail at one path
}

// same compares two JSON texts, including the order of fields.
func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y bytes.Buffer
	if err := json.Compact(&x, a); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&y, b); err != nil {
		t.Fatal(err)
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}

func explain(p *plan.Plan) string {
	var out strings.Builder
	if err := plan.Print(&out, p); err != nil {
		return err.Error()
	}
	return out.String()
}

// A transport sends requests to the subgraphs of a world.
type transport struct{ world *oracle.World }

func (t transport) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/graphql", bytes.NewReader(r.Body.B))
	recorder := httptest.NewRecorder()
	t.world.Subgraph(r.Subgraph).ServeHTTP(recorder, req)
	return inPieces(r.Reservation, recorder), nil
}

// inPieces returns a response that has arrived in pieces.
func inPieces(room *execute.MemoryReservation, recorder *httptest.ResponseRecorder) *execute.SubgraphResponse {
	text := recorder.Body.Bytes()
	random := rand.New(rand.NewPCG(uint64(len(text)), uint64(len(text)/2)))
	body := execute.NewBuffer(len(text))
	room.Arriving(recorder.Code, recorder.Header(), false)
	for len(text) > 0 {
		n := 1 + random.IntN(len(text))
		body.B = append(body.B, text[:n]...)
		text = text[n:]
		room.Arrived(body)
	}
	return &execute.SubgraphResponse{Status: recorder.Code, Header: recorder.Header(), Body: body}
}

func (transport) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	panic("the worlds have no subscriptions")
}
