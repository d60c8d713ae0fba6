package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
