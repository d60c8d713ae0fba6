// Package extract finds the GraphQL documents in the sources of clients: in .graphql files, and in
// texts such as gql`…` and graphql("…") of JavaScript and TypeScript, also in components of Vue and
// Svelte.
//
// [Documents] is the hub, in extract.go: it finds all definitions and returns one document for
// each operation, with the fragments that it uses. component.go finds the scripts in files, script.go
// the texts with GraphQL in a script, with interpolation.go for what is interpolated, token.go for its strings and regular expressions and
// jsx.go for its elements. print.go prints a document as graphql-js does, so that IDs are those that
// clients compute.
package extract
