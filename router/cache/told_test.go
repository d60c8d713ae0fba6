package cache

import "testing"

// TestInvalidationsAreToldOnce: a router reads from Redis what it has written there itself.
func TestInvalidationsAreToldOnce(t *testing.T) {
	var told []string
	c := &Cache{name: "me", options: Options{Subgraphs: map[string]Subgraph{"shop": {}}, Invalidated: func(i Invalidated) { told = append(told, i.Reason+" "+i.Type) }}}
	for _, router := range []any{"me", "another", nil} { // an older router sends no name
		if tags := c.tagsOf(invalidationsKey, map[string]any{"invalidation": `{"type":"Product","keys":["1"]}`, "router": router}); len(tags) != 2 {
			t.Errorf("from %v: tags %v", router, tags)
		}
	}
	if len(told) != 2 || told[0] != "api of a router Product" {
		t.Errorf("told %q", told)
	}
}
