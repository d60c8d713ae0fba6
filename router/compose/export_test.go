package compose

import (
	"maps"
	"slices"
)

// SuggestedCodes returns the codes that have a suggestion.
func SuggestedCodes() []string { return slices.Sorted(maps.Keys(suggestions)) }
