// Package canary sends a part of the requests of a router to a second variant of it, with another
// supergraph or other URLs of subgraphs, or a copy of queries, whose responses it compares.
//
// choice.go chooses the requests, shadow.go copies them, capture.go keeps what a copy needs,
// and difference.go compares responses.
package canary
