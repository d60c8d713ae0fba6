// Package lint finds what is valid in the schemas of subgraphs, but makes a graph harder to
// use or slow: names, missing descriptions, and lists whose items are loaded one by one.
//
// The hub is lint.go, with the rules. names.go and text.go have the rules for single
// definitions, entities.go those that look at all subgraphs together.
package lint
