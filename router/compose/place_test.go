package compose_test

import (
	"errors"
	"testing"

	"souk/router/compose"
)

// unplaced are the cases whose errors are about no line of an SDL, with the reason.
var unplaced = map[string]string{
	"no_query_anywhere": "what is missing is in no subgraph",
	"subgraph_names":    "the name of a subgraph is in no SDL",
}

// Every error names at least one place, with its line and column.
func TestEveryErrorHasAPlace(t *testing.T) {
	for path, archive := range ruleArchives(t) {
		for _, r := range rules(t, archive) {
			_, err := compose.Compose(t.Context(), r.subgraphs)
			var problems compose.Errors
			errors.As(err, &problems)
			for _, p := range problems {
				placed := len(p.Locations) > 0
				for _, at := range p.Locations {
					placed = placed && at.Line > 0 && at.Column > 0
				}
				if !placed && unplaced[r.name] == "" {
					t.Errorf("%s: %s: the error has no place: %v", path, r.name, p)
				}
			}
		}
	}
}
