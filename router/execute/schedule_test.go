package execute_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"souk/router/execute"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// gated is a Transport that responds to a fetch when the test releases it.
type gated struct {
	answers map[string]string
	arrived chan string
	gates   map[string]chan struct{}
}

func newGated(answers map[string]string) *gated {
	g := &gated{answers: answers, arrived: make(chan string, 10), gates: map[string]chan struct{}{}}
	for n := range answers {
		g.gates[n] = make(chan struct{})
	}
	return g
}

func (g *gated) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	n := step(r.Body.B)
	g.arrived <- n
	select {
	case <-g.gates[n]:
		return respond(g.answers[n])
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (g *gated) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return nil
}

// A fetch does not wait for fetches that it does not depend on.
func TestFetchStartsWhenItsDependenciesHaveEnded(t *testing.T) {
	g := newGated(map[string]string{
		"0": `{"data":{"a":{"id":1}}}`, "1": `{"data":{"b":{"id":2}}}`,
		"2": `{"data":{"_entities":[{"x":1}]}}`, "3": `{"data":{"_entities":[{"y":2}]}}`,
	})
	executor := execute.New(execute.Options{Transport: g})
	program := compile(t, `
query Query
fetch s : { a { id } }
fetch s : { b { id } }
entities s dependsOn 0
  _entities r @a A{id} : { x }
entities s dependsOn 1, 2
  _entities r @b B{id} : { y }
projection { a:A { x:Int } b:B { y:Int } }`)
	done := make(chan string)
	go func() {
		response := executor.Execute(context.Background(), &execute.Request{Program: program})
		defer response.Release()
		done <- string(response.Body)
	}()
	first := []string{<-g.arrived, <-g.arrived}
	if got := strings.Join(first, ""); got != "01" && got != "10" {
		t.Fatalf("got step %s started", got)
	}
	close(g.gates["0"])
	if got := <-g.arrived; got != "2" {
		t.Fatalf("after step 0: got step %s, want step 2", got)
	}
	close(g.gates["2"])
	close(g.gates["1"])
	if got := <-g.arrived; got != "3" {
		t.Fatalf("last step: got %s", got)
	}
	close(g.gates["3"])
	if got := <-done; got != `{"data":{"a":{"x":1},"b":{"y":2}}}` {
		t.Error(got)
	}
}

// When the client disconnects, its fetches are cancelled.
func TestCancelledRequestEndsItsFetches(t *testing.T) {
	g := newGated(map[string]string{"0": "", "1": ""})
	executor := execute.New(execute.Options{Transport: g})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan string)
	go func() {
		response := executor.Execute(ctx, &execute.Request{Program: compile(t, "query Query fetch a : { a } fetch b : { b } projection { a:Int! b:Int! }")})
		defer response.Release()
		done <- string(response.Body)
	}()
	<-g.arrived
	<-g.arrived
	cancel()
	if got := <-done; strings.Count(got, execute.CodeCancelled) != 2 || !strings.HasPrefix(got, `{"data":null,`) {
		t.Error(got)
	}
}

// When emit fails, Deliver ends the fetches in progress.
func TestDeliverEndsWhenEmitFails(t *testing.T) {
	g := newGated(map[string]string{"0": `{"data":{"a":1}}`, "1": ""})
	close(g.gates["0"])
	executor := execute.New(execute.Options{Transport: g})
	gone := errors.New("gone")
	program := compile(t, "query Query fetch a : { a } fetch b defer 1 : { b } defer 1 late @\nprojection { a:Int b:Int defer 1 }")
	err := executor.Deliver(context.Background(), &execute.Request{Program: program}, func(r *execute.Response) error {
		defer r.Release()
		if !r.More {
			t.Errorf("got first response %s without More", r.Body)
		}
		return gone
	})
	if !errors.Is(err, gone) {
		t.Error(err)
	}
}

func TestObserverSeesEachFetch(t *testing.T) {
	type contextKey struct{}
	var info execute.FetchInfo
	var seen execute.FetchStatistics
	answer := `{"data":{"_entities":[{"x":1}]}}`
	transport := observing{canned: &canned{t: t, answers: map[string]string{"0": `{"data":{"a":{"id":1}}}`, "1": answer}}, check: func(ctx context.Context) {
		if ctx.Value(contextKey{}) == nil {
			t.Error("the observer's context is not used")
		}
	}}
	executor := execute.New(execute.Options{Transport: transport, Observe: func(ctx context.Context, _ *execute.SubgraphRequest, f execute.FetchInfo) (context.Context, func(*execute.FetchStatistics)) {
		info = f
		return context.WithValue(ctx, contextKey{}, 1), func(s *execute.FetchStatistics) { seen = *s }
	}})
	program := compile(t, "query Query fetch s : { a { id } } entities s dependsOn 0 _entities r @a A{id} : { x } projection { a:A { x:Int } }")
	response := executor.Execute(t.Context(), &execute.Request{Program: program, Extensions: func(_ []byte, f []execute.FetchStatistics) []byte {
		return []byte(`{"fetches":` + string(rune('0'+len(f))) + `}`)
	}})
	defer response.Release()
	if got := string(response.Body); got != `{"data":{"a":{"x":1}},"extensions":{"fetches":2}}` {
		t.Error(got)
	}
	if info != (execute.FetchInfo{FetchID: 1, Representations: 1}) {
		t.Errorf("got info %+v", info)
	}
	if seen.Subgraph != "s" || seen.Status != 200 || seen.Received != len(answer) || seen.Sent == 0 || seen.Duration < 0 {
		t.Errorf("got statistics %+v", seen)
	}
}

type observing struct {
	*canned
	check func(context.Context)
}

func (o observing) Send(ctx context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	o.check(ctx)
	return o.canned.Send(ctx, r)
}

// Concurrent requests of one program do not share data.
func TestConcurrentRequestsAreIndependent(t *testing.T) {
	executor := execute.New(execute.Options{Transport: echo{}})
	program := compile(t, "query Query fetch s vars v : { a { id } } entities s dependsOn 0 _entities r @a A{id} : { x } projection { a:[A] { id:Int x:Int } }")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			text := string(rune('0' + i))
			for range 200 {
				response := executor.Execute(context.Background(), &execute.Request{Program: program, Variables: variables(t, `{"v":`+text+`}`)})
				want := `{"data":{"a":[{"id":` + text + `,"x":` + text + `},{"id":` + text + `,"x":` + text + `}]}}`
				if string(response.Body) != want {
					t.Errorf("got %s, want %s", response.Body, want)
				}
				response.Release()
			}
		})
	}
	wg.Wait()
}

// echo responds with the digit in the request's variables.
type echo struct{}

func (echo) Send(_ context.Context, r *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	_, vars, _ := strings.Cut(string(r.Body.B), `"variables":`)
	digit := vars[strings.IndexAny(vars, "0123456789"):][:1]
	if step(r.Body.B) == "0" {
		return respond(`{"data":{"a":[{"id":` + digit + `},{"id":` + digit + `}]}}`)
	}
	return respond(`{"data":{"_entities":[{"x":` + digit + `}]}}`)
}

func (echo) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return nil
}

// In the format of August 2022 a fragment has fields that another payload fetches. They may come with
// the fetches of a payload that the other one is nested in.
func TestFragmentWaitsForWhatIsFetchedForThoseAroundAnother(t *testing.T) {
	g := newGated(map[string]string{
		"0": `{"data":{"a":{"__typename":"A","id":1}}}`, "1": `{"data":{"_entities":[{"x":1}]}}`,
	})
	executor := execute.New(execute.Options{Transport: g})
	program := compile(t, `
query Query
fetch s : { a { __typename id } }
entities t dependsOn 0 defer 1
  _entities r @a A{id} : { x }
defer 1 outer @a
defer 2 inner in 1 @a
defer 3 sibling @a
projection { a:A { x:Int! defer 2 also 3 } }`)
	responses := make(chan string, 10)
	go func() {
		defer close(responses)
		err := executor.Deliver(t.Context(), &execute.Request{Program: program, Incremental: execute.Fragments}, func(r *execute.Response) error {
			defer r.Release()
			responses <- string(r.Body)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}()
	<-g.arrived
	close(g.gates["0"])
	if got, want := <-responses, `{"data":{"a":{}},"hasNext":true}`; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	<-g.arrived
	close(g.gates["1"])
	var got strings.Builder
	for r := range responses {
		got.WriteString(r)
	}
	if want := `{"incremental":[{"data":{"x":1},"path":["a"],"label":"inner"},{"data":{"x":1},"path":["a"],"label":"sibling"}],"hasNext":false}`; got.String() != want {
		t.Errorf("got %s, want %s", got.String(), want)
	}
}
