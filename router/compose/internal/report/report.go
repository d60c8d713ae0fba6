// Package report has the errors and hints that composition reports: report.go
// defines them, list.go and suggest.go write parts of messages.
package report

// A Location is a place in the SDL of a subgraph, from 1. Line is 0 if unknown.
type Location struct {
	Subgraph string `json:"subgraph"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
}

// An Error is a reason why subgraphs do not compose.
type Error struct {
	Code      string
	Message   string
	Locations []Location
	// Suggestion says what to do. If it is empty, the suggestion for the code applies.
	Suggestion string
}

// A Hint is something to know about a composition that succeeds.
type Hint struct {
	Code       string
	Message    string
	Coordinate string // schema coordinate in the supergraph; may be empty
	Locations  []Location
}
