// Package extract finds the GraphQL documents in the sources of clients: in .graphql files, and in
// the templates gql`…` and graphql`…` of JavaScript and TypeScript.
//
// [Documents] is the hub, in extract.go: it finds all definitions and returns one document for
// each operation, with the fragments that it uses. script.go finds templates in scripts, and
// print.go prints a document as graphql-js does, so that IDs are those that clients compute.
package extract
