// Package syntax parses GraphQL with the parser library, and corrects the values of block strings.
// All documents and schemas of the router are parsed here.
//
// [Query], [Schema] and [LoadSchema] are in parse.go. blockstring.go computes values as the
// specification has it (GraphQL, section 2.9.4, BlockStringValue), and correct.go puts them
// into a document.
package syntax
