package report

import (
	"fmt"
	"slices"
	"strings"
)

// maxSuggestions bounds the names that a message suggests.
const maxSuggestions = 5

// DidYouMean returns " Did you mean ...?" with the options that are similar to a
// name, or "" if there is none.
func DidYouMean(name string, options []string) string {
	type candidate struct {
		name     string
		distance int
	}
	var similar []candidate
	for _, option := range options {
		d := distance(name, option)
		if strings.EqualFold(name, option) {
			d = 1
		}
		if d <= len(name)*2/5+1 && !slices.ContainsFunc(similar, func(c candidate) bool { return c.name == option }) {
			similar = append(similar, candidate{option, d})
		}
	}
	if len(similar) == 0 {
		return ""
	}
	slices.SortFunc(similar, func(a, b candidate) int {
		if a.distance != b.distance {
			return a.distance - b.distance
		}
		return strings.Compare(a.name, b.name)
	})
	similar = similar[:min(len(similar), maxSuggestions)]
	var b strings.Builder
	for i, c := range similar {
		switch {
		case i == 0:
		case i == len(similar)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", c.name)
	}
	return " Did you mean " + b.String() + "?"
}

// distance is the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal, row[j] = row[j], min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
