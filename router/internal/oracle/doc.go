// Package oracle tells what a federated graph should answer, by the shortest
// way there is, for tests to compare the router with.
//
// A World is a set of subgraph schemas with data behind them. The data is not
// kept anywhere: each value is computed from a seed, the object it belongs to,
// the field and its arguments, so that all subgraphs agree on it. Monolith
// answers an operation from that data with one plain executor over the API
// schema; Subgraph answers what a router asks of one subgraph with the same
// executor. What a subgraph may not be asked for, such as external or
// overridden fields, it answers with poison: a router that asks all the same
// is found out, and so is one that sends wrong values for @requires.
package oracle
