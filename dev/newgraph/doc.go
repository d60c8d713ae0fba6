// Package newgraph writes the first files of a graph, for `souk init`: supergraph.yaml,
// router.yaml, docker-compose.yaml and values.yaml for the Helm chart.
//
// newgraph.go has the graph and writes the files. text.go has their text.
package newgraph
