package gateway_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"souk/router/gateway"
	"souk/router/gateway/config"
)

// A list with too many items in the document or the variables is rejected before
// a request is sent to a subgraph.
func TestLongListsAreRefused(t *testing.T) {
	s := &subgraph{}
	_, url := start(t, s, func(c *config.Config, o *gateway.Options) {
		c.Limits.MaxListItems = 5
		o.Supergraph = strings.Replace(sdl, "long: String", "long(of: [Int], deep: [[Int]]): String", 1)
	})
	list := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }
	for _, test := range []struct {
		name, body string
		refused    bool
	}{
		{name: "literal of the maximum length", body: fmt.Sprintf(`{"query":"{ long(of: %s) }"}`, list(5))},
		{name: "literal", body: fmt.Sprintf(`{"query":"{ long(of: %s) }"}`, list(6)), refused: true},
		{name: "literal in a fragment", body: fmt.Sprintf(`{"query":"{ ...F } fragment F on Query { long(deep: [%s]) }"}`, list(6)), refused: true},
		{name: "default of a variable", body: fmt.Sprintf(`{"query":"query ($of: [Int] = %s) { long(of: $of) }"}`, list(6)), refused: true},
		{name: "variable of the maximum length", body: fmt.Sprintf(`{"query":"query ($of: [Int]) { long(of: $of) }","variables":{"of":%s}}`, list(5))},
		{name: "variable", body: fmt.Sprintf(`{"query":"query ($of: [Int]) { long(of: $of) }","variables":{"of":%s}}`, list(6)), refused: true},
		{name: "list in a list", body: fmt.Sprintf(`{"query":"query ($of: [[Int]]) { long(deep: $of) }","variables":{"of":[[1],%s]}}`, list(6)), refused: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := s.count()
			got := send(t, "POST", url+"/graphql", test.body)
			refused := got.status == http.StatusUnprocessableEntity && strings.Contains(got.body, "MAX_LIST_ITEMS_LIMIT")
			if refused != test.refused || !refused && got.status != http.StatusOK {
				t.Errorf("got status %d, %s", got.status, got.body)
			}
			if s.count() != asked && refused {
				t.Error("the subgraph got a request")
			}
		})
	}
}
