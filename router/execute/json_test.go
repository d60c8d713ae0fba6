package execute_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/execute"
	"souk/router/execute/internal/plantext"
	"souk/router/plan"
)

// FuzzReadPlan reads arbitrary bytes as a plan; see readPlan for the properties.
func FuzzReadPlan(f *testing.F) {
	for _, text := range planTexts(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) { readPlan(t, text) })
}

// A plan in which one value is replaced is executed or rejected.
func TestPlansThatContradictThemselvesDoNotPanic(t *testing.T) {
	for _, text := range planTexts(t) {
		var root any
		if err := json.Unmarshal(text, &root); err != nil {
			t.Fatal(err)
		}
		mutate(root, func(any) {}, func() {
			mutant, err := json.Marshal(root)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if r := recover(); r != nil {
					t.Fatalf("panic: %v\n%s", r, mutant)
				}
			}()
			readPlan(t, mutant)
		})
	}
}

// mutate replaces a JSON value, and each value inside it, one at a time.
func mutate(v any, set func(any), check func()) {
	for _, other := range []any{nil, "__typename", "", -1, 1, 1e6, []any{}, []any{nil}, map[string]any{}} {
		set(other)
		check()
	}
	set(v)
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			mutate(value, func(other any) { v[key] = other }, check)
		}
	case []any:
		for i, value := range v {
			mutate(value, func(other any) { v[i] = other }, check)
		}
	}
}

// planTexts returns the plans of testdata, and one with a context, as JSON.
func planTexts(t testing.TB) (texts [][]byte) {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal("no test data", err)
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := plantext.Parse(files(archive)["plan"])
		if err != nil {
			t.Fatal(err)
		}
		for _, fetch := range p.Fetches {
			fetch.Query = "" // the operation's name selects the response of the canned transport
		}
		texts = append(texts, planJSON(t, p))
	}
	return append(texts, planJSON(t, contextPlan("String!")))
}

// readPlan reads a plan. A plan that can be read can be printed in every notation,
// is unchanged by another round through JSON, and is executed or rejected.
func readPlan(t *testing.T, text []byte) {
	t.Helper()
	p, err := plan.ReadJSON(bytes.NewReader(text))
	if err != nil {
		return
	}
	for _, print := range []func(io.Writer, *plan.Plan) error{plan.Print, plan.PrintApollo} {
		if err := print(io.Discard, p); err != nil {
			t.Fatal(err)
		}
	}
	again, err := plan.ReadJSON(bytes.NewReader(planJSON(t, p)))
	if err != nil {
		t.Fatalf("printing the plan: %v: %s", err, planJSON(t, p))
	}
	if got := planJSON(t, again); !bytes.Equal(got, planJSON(t, p)) {
		t.Fatalf("the plan changes when it is read again: %s", got)
	}
	program, err := execute.Compile(p)
	if err != nil {
		return
	}
	executor := execute.New(execute.Options{Transport: always(`{"data":{"_entities":[{"__typename":"Product","id":1}],"a":[{"id":1}],"products":[{"__typename":"Product","id":"1"}],"all":[{"__typename":"Book","id":"1"}]}}`)})
	err = executor.Deliver(context.Background(), &execute.Request{Program: program}, func(r *execute.Response) error {
		r.Release()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func planJSON(t testing.TB, p *plan.Plan) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := plan.WriteJSON(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// always is a transport that returns the same response to every request.
type always string

func (a always) Send(context.Context, *execute.SubgraphRequest) (*execute.SubgraphResponse, error) {
	return respond(string(a))
}

func (a always) Subscribe(context.Context, *execute.SubgraphRequest, func(*execute.SubgraphResponse) error) error {
	return nil
}
