package rest

import (
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
)

// nearest returns the candidate with the smallest edit distance from name, ignoring case. ok is
// false if none is within a third of the length of name, or 2 for short names.
func nearest(name string, candidates []string) (string, bool) {
	best, distance := "", max(2, len(name)/3)+1
	for _, candidate := range candidates {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best, best != ""
}

// similar suggests the candidate that is most similar to name, or returns "".
func similar(name string, candidates []string) string {
	if best, ok := nearest(name, candidates); ok {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}

// suggest suggests the candidate that is most similar to name, or lists all candidates.
func suggest(name string, candidates []string) string {
	if best := similar(name, candidates); best != "" {
		return best
	}
	switch len(candidates) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("the only one known is %q", candidates[0])
	default:
		return "known are " + strings.Join(candidates, ", ")
	}
}
