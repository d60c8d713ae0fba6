// Package ci has no code: graph.yaml is a workflow of GitHub Actions that composes a graph,
// checks that it does not break clients, and lints it.
package ci
