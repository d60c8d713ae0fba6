package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"souk/router/execute"
	"souk/router/gateway"
	"souk/router/gateway/config"
	"souk/router/supergraph"
)

// recording is a subgraph that keeps the bodies of its requests.
type recording struct {
	*subgraph
	mu     sync.Mutex
	bodies []string
}

func (s *recording) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	s.mu.Lock()
	s.bodies = append(s.bodies, string(r.Body.B))
	s.mu.Unlock()
	return s.subgraph.Send(ctx, r)
}

func (s *recording) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[len(s.bodies)-1]
}

func startRecording(t *testing.T, configure func(*config.Config, *gateway.Options)) (*gateway.Gateway, *recording, func(text, variables string) reply) {
	t.Helper()
	s := &recording{subgraph: &subgraph{}}
	gw, url := start(t, s.subgraph, func(c *config.Config, o *gateway.Options) {
		o.Transport = func(*supergraph.Model) (execute.Transport, func(), error) { return s, func() {}, nil }
		if configure != nil {
			configure(c, o)
		}
	})
	return gw, s, func(text, variables string) reply {
		t.Helper()
		return send(t, "POST", url+"/graphql", fmt.Sprintf(`{"query":%q,"variables":%s}`, text, variables))
	}
}

// From the third on, operations that differ in literals only use the plan of the first ones: the
// subgraph gets one operation with the literals as variables.
func TestOperationsThatDifferInLiteralsShareAPlan(t *testing.T) {
	gw, s, ask := startRecording(t, nil)
	for i := range 6 {
		name := fmt.Sprintf("x%d é", i)
		if got := ask(fmt.Sprintf(`query Q($n: String) { a: hello(name: "%s") b: hello(name: $n) c: hello(name: "%s") }`, name, name), `{"n":"y","literal0":"stolen"}`); got.status != 200 {
			t.Fatalf("got %d %s", got.status, got.body)
		}
		body := s.last()
		if !strings.Contains(body, name) || strings.Contains(body, "stolen") || !strings.Contains(body, `"n":"y"`) {
			t.Errorf("the subgraph got %s", body)
		}
		if shared := strings.Contains(body, `"literal0":"`+name+`"`); shared != (i > 1) {
			t.Errorf("operation %d: the subgraph got %s", i, body)
		}
	}
	// Their plan is in use, and a new supergraph has it before it is served.
	if err := gw.SetSupergraph(strings.Replace(sdl, "long: String", "long: String  fresh: String", 1)); err != nil {
		t.Fatal(err)
	}
	if ask(`query Q($n: String) { a: hello(name: "later") b: hello(name: $n) c: hello(name: "later") }`, `{}`); !strings.Contains(s.last(), `"literal0":"later"`) {
		t.Errorf("after a reload, the subgraph got %s", s.last())
	}
}

// What the literals decide stays as it is: each operation gets the response that is its own.
func TestTemplatesAreUsedOnlyWhereTheyFit(t *testing.T) {
	_, s, ask := startRecording(t, nil)
	for i := range 3 {
		ask(fmt.Sprintf(`mutation { add(n: %d) }`, i), `{}`)
	}
	if got := ask(`mutation { add(n: 3000000000) }`, `{}`); got.status != 422 || !strings.Contains(got.body, "3000000000") {
		t.Errorf("a literal out of range: got %d %s", got.status, got.body)
	}
	if got := ask(`mutation { add(n: "7") }`, `{}`); got.status != 422 {
		t.Errorf("a literal of another kind: got %d %s", got.status, got.body)
	}
	for i := range 3 {
		ask(fmt.Sprintf(`query Q($n: String = "a") { hello(name: $n) long: hello(name: "z%d") }`, i), `{}`)
	}
	if ask(`query Q($n: String = "b") { hello(name: $n) long: hello(name: "z7") }`, `{}`); !strings.Contains(s.last(), `"n":"b"`) {
		t.Errorf("another default: the subgraph got %s", s.last())
	}
}

// As a number in JSON, -0 would be 0, and an ID is a string.
func TestNegativeZeroStaysAnID(t *testing.T) {
	_, s, ask := startRecording(t, func(_ *config.Config, o *gateway.Options) {
		o.Supergraph = strings.Replace(sdl, "long: String", "long(id: ID): String", 1)
	})
	for _, id := range []string{"1", "2", "3", "-0", "4"} {
		if ask(`{ long(id: `+id+`) }`, `{}`); !strings.Contains(s.last(), id) || id == "-0" && !strings.Contains(s.last(), `"literal0":"-0"`) {
			t.Errorf("%s: the subgraph got %s", id, s.last())
		}
	}
}

// Whether a number is valid does not depend on earlier operations.
func TestNumbersAreValidWhateverCameBefore(t *testing.T) {
	_, s, ask := startRecording(t, func(_ *config.Config, o *gateway.Options) {
		o.Supergraph = strings.Replace(sdl, "long: String", "long(f: Float, id: ID, i: Int): String", 1)
	})
	for round := range 2 {
		for _, c := range []struct {
			argument string
			status   int
		}{
			{"f: 9999999999999999999", 200}, {"id: 9999999999999999999", 200}, {"i: 9999999999999999999", 422}, {"f: 1e999", 422}, {"id: 1.5", 422},
		} {
			got := ask(`{ long(`+c.argument+`) }`, `{}`)
			if got.status != c.status {
				t.Errorf("round %d: %s: got %d %s, want %d", round, c.argument, got.status, got.body, c.status)
			}
			if _, number, _ := strings.Cut(c.argument, " "); c.status == 200 && !strings.Contains(s.last(), number) {
				t.Errorf("round %d: %s: the subgraph got %s", round, c.argument, s.last())
			}
		}
		for _, argument := range []string{"f: 1", "f: 2", "f: 3", "f: 1.5", "f: 2.5", "f: 3.5", "id: 1", "id: 2", "id: 3", "i: 1", "i: 2", "i: 3"} {
			if got := ask(`{ long(`+argument+`) }`, `{}`); got.status != 200 {
				t.Errorf("%s: got %d %s", argument, got.status, got.body)
			}
		}
	}
}

// Errors have the places of the document that the client sent, not of another one with the same
// outline.
func TestErrorsOfTemplatesHaveTheirOwnPlaces(t *testing.T) {
	_, _, ask := startRecording(t, nil)
	const text = `query Q { hello(name: "%s") ...F } fragment F on Query { other: hello(name: $n) }`
	valid := strings.Replace(text, "query Q", "query Q($n: String)", 1)
	for _, name := range []string{"a", "b", "c"} {
		ask(fmt.Sprintf(valid, name), `{}`)
	}
	got := ask(fmt.Sprintf(valid, "a name that is longer than the others"), `{"n":5}`)
	want := ask(fmt.Sprintf(valid, "a name that is longer than the others")+" ", `{"n":5}`)
	if got.status != 422 || got.body != want.body {
		t.Errorf("got %d %s, want %s", got.status, got.body, want.body)
	}
}

// Hooks, development mode and routers that turn it off see documents as clients sent them.
func TestTemplatesCanBeTurnedOff(t *testing.T) {
	for name, configure := range map[string]func(*config.Config, *gateway.Options){
		"off": func(c *config.Config, _ *gateway.Options) { c.Caches.Templates = 0 },
		"dev": func(c *config.Config, _ *gateway.Options) { c.Dev = true },
	} {
		t.Run(name, func(t *testing.T) {
			_, s, ask := startRecording(t, configure)
			for i := range 4 {
				if ask(fmt.Sprintf(`{ hello(name: "x%d") }`, i), `{}`); strings.Contains(s.last(), "literal") {
					t.Errorf("the subgraph got %s", s.last())
				}
			}
		})
	}
}
