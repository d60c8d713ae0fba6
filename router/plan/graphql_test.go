package plan_test

import (
	"strings"
	"testing"

	"souk/router/operation"
	"souk/router/plan"
)

// The names of operations sent to subgraphs are names of GraphQL, and remain on the first line
// of the printed operation.
func TestOperationsAreNamed(t *testing.T) {
	for _, kind := range []operation.Kind{operation.Query, operation.Mutation, operation.Subscription} {
		p := &plan.Plan{Fetches: []*plan.Fetch{{Kind: plan.RootFetch, Subgraph: "my-shop.v2", OperationKind: kind, Selections: plan.Selections{
			&plan.SelectedField{Name: "first", ResponseKey: "first"}, &plan.SelectedField{Name: strings.Repeat("x", 80), ResponseKey: strings.Repeat("x", 80)},
		}}}}
		p.NameOperations("")
		if p.Fetches[0].OperationName != "" {
			t.Errorf("got the name %s without one of the client", p.Fetches[0].OperationName)
		}
		p.NameOperations("Shop")
		first, _, _ := strings.Cut(plan.Indent(p.Fetches[0].Query, ""), "\n")
		if want := kind.String() + " Shop__my_shop_v2__0{"; first != want {
			t.Errorf("got %s, want %s", first, want)
		}
	}
}
