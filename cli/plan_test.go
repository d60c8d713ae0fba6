package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"souk/router/compose"
	"souk/router/plan"
)

const planOperation = `query Orders($withUser: Boolean! = true) { orders(first: 3) { nodes { id user @include(if: $withUser) { username } } } }`

// planOf runs souk plan on planOperation and returns the output.
func planOf(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "operation.graphql")
	if err := os.WriteFile(file, []byte(planOperation), 0o600); err != nil {
		t.Fatal(err)
	}
	p := souk(t, nil, append([]string{"plan", "--supergraph", "../schema/supergraph.graphql", file}, args...)...)
	if status := p.wait(t); status != 0 {
		t.Fatalf("got exit status %d: %s", status, &p.stderr)
	}
	return p.stdout.String()
}

func TestPlanPrintsEachFormat(t *testing.T) {
	text := planOf(t)
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{name: "text by default", want: []string{"query\n0 fetch order\n", "1 entity fetch user depends on 0\n    _entities: orders.nodes.user User{id}\n"}},
		{name: "text", args: []string{"--format", "text"}, want: []string{text}},
		{name: "apollo", args: []string{"--format", "apollo"}, want: []string{"QueryPlan {\n  Sequence {\n    Fetch(service: \"order\") {\n", `Flatten(path: "orders.nodes.@.user") {`}},
		{name: "json", args: []string{"--format=json"}, want: []string{`"version": 1,`, `"kind": "entityFetch",`}},
		{name: "with variables", args: []string{"--variables", `{"withUser": false}`}, want: []string{"query\n0 fetch order\n    {orders(first:3){nodes{id}}}\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := planOf(t, c.args...)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %s\nwant it to contain %s", got, want)
				}
			}
		})
	}
	souk(t, nil, "plan", "--format", "yaml", "-").refuses(t, `unknown format "yaml"; use text, json or apollo`)
}

func TestPlanJSONRoundTrips(t *testing.T) {
	printed := planOf(t, "--json")
	p, err := plan.ReadJSON(strings.NewReader(printed))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := plan.Print(&text, p); err != nil {
		t.Fatal(err)
	}
	if want := planOf(t); text.String() != want {
		t.Errorf("got %s\nwant %s", &text, want)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"another version":   {old: `"version": 1`, new: `"version": 2`, want: "version 2 is not supported; this router reads version 1"},
		"an unknown member": {old: `"subgraph":`, new: `"service":`, want: `unknown field "service"`},
		"a different query": {old: "{username}", new: "{name}", want: "is not that of the selections"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(printed, c.old, c.new, 1)
			if changed == printed {
				t.Fatalf("%s not found in %s", c.old, printed)
			}
			if _, err := plan.ReadJSON(strings.NewReader(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want %s", err, c.want)
			}
		})
	}
}

func TestPlanExplainsItsChoices(t *testing.T) {
	got := planOf(t, "--explain")
	for _, want := range []string{
		"1 entity fetch user depends on 0\n", "requests: 2 in 2 levels", "search for a better plan: not needed",
		"\norders.nodes.user.username\n  * user: User @key(id) at orders.nodes.user > username (cost 2005, adds 1003)\n    the only path\n",
		"\norders.nodes.user.id, needed for user: User @key(id) at orders.nodes.user\n",
		"\nparse ", "\nvalidate ", "\nnormalise ", "\nplan ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant it to contain %s", got, want)
		}
	}
	var explained struct {
		Plan        json.RawMessage
		Explanation struct {
			Chosen    struct{ Requests int }
			Decisions []struct {
				Path       string
				Candidates []struct{ Chosen bool }
			}
		}
		Seconds map[string]float64
	}
	if err := json.Unmarshal([]byte(planOf(t, "--explain", "--json")), &explained); err != nil {
		t.Fatal(err)
	}
	if _, err := plan.ReadJSON(strings.NewReader(string(explained.Plan))); err != nil {
		t.Error(err)
	}
	if x := explained.Explanation; x.Chosen.Requests != 2 || len(x.Decisions) == 0 || len(explained.Seconds) != 4 {
		t.Errorf("got %+v", explained)
	}
}

// taxedGraph has two items, whose prices are from one subgraph.
var taxedGraph = []compose.Subgraph{
	{Name: "a", URL: "http://a", SDL: `type Query { a: Item } type Item @key(fields: "id") { id: ID! }`},
	{Name: "b", URL: "http://b", SDL: `type Query { b: Item } type Item @key(fields: "id") { id: ID! }`},
	{Name: "prices", URL: "http://prices", SDL: `type Item @key(fields: "id") { id: ID! price: Int }`},
	{Name: "taxes", URL: "http://taxes", SDL: `type Item @key(fields: "id") { id: ID! price: Int @external tax: Int @requires(fields: "price") }`},
}

func TestPlanWeighsLatencies(t *testing.T) {
	parts := slices.Clone(taxedGraph)
	for i := range parts {
		parts[i].SDL = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@external", "@requires"])` + parts[i].SDL
	}
	composed, err := compose.Compose(t.Context(), parts)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"supergraph.graphql": composed.SDL, "operation.graphql": "{ a { price tax } b { price } }"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) *process {
		return soukIn(t, dir, nil, append([]string{"plan", "operation.graphql"}, args...)...)
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"2 entity fetch prices depends on 0, 1\n"}},
		{[]string{"--latency", "20ms"}, []string{"2 entity fetch prices depends on 0, 1\n"}},
		{[]string{"--latency", "b=700ms,20ms"}, []string{"2 entity fetch prices depends on 0, 1\n"}}, // hardly anything waits
		{[]string{"--latency", "b=700ms,500ms"}, []string{"2 entity fetch prices depends on 0\n", "3 entity fetch prices depends on 1\n"}},
		{[]string{"--latency", "b=700ms", "--latency", "500ms", "--explain"}, []string{
			"requests by these latencies: 5 in 3 levels (without latencies: greedy choice: 4 in 3; lower bound: 4 in 3)\n", "search for a better plan without latencies: not needed\n",
			"by latency: 1.5s with 5 requests\n", "by levels: 1.7s with 4 requests\n", "not merged: requests to prices, since the response would take 1.7s\n    a, after 500ms\n    b, after 700ms\n"}},
		{[]string{"--latency", "b=700ms", "--explain"}, []string{"2 entity fetch prices depends on 0, 1\n", "latencies have no effect: those of these subgraphs are not known: a, prices, taxes\n"}},
		{[]string{"--latency", "b=700ms,500ms", "--explain", "--json"}, []string{`"chosen": {
        "requests": 5,
        "seconds": 1.5
      }`}},
	} {
		p := run(c.args...)
		if status := p.wait(t); status != 0 {
			t.Fatalf("%v: exit status %d: %s", c.args, status, &p.stderr)
		}
		for _, want := range c.want {
			if got := p.stdout.String(); !strings.Contains(got, want) {
				t.Errorf("%v: got %s\nwant it to contain %s", c.args, got, want)
			}
		}
	}
	for arg, want := range map[string]string{
		"b=fast":     "--latency b=fast is not a latency; write SUBGRAPH=DURATION, such as products=200ms, or the duration of all other subgraphs, such as 20ms",
		"-1s":        "--latency -1s is not a latency",
		"b=1s,b=2s":  "--latency b=2s: the same subgraphs have two latencies; give each once",
		"reviews=1s": "--latency reviews=1s: the supergraph has no subgraph reviews",
	} {
		run("--latency="+arg).refuses(t, want)
	}
}
