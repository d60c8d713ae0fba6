// Package syntax parses GraphQL with the parser library, and corrects the values of block strings.
// All documents and schemas of the router are parsed here.
//
// [Query], [Schema], [LoadSchema] and [Validate] are in parse.go. [Plain] parses most executable documents
// without the library: plain.go has its memory and its bounds, plaindefinitions.go, plainselections.go and
// plainvalues.go the grammar, and plaintokens.go and plainstrings.go the tokens. parts.go splits an SDL into
// its definitions, which can be parsed alone. scan.go skips strings and comments for those who read a text
// without its tokens. value.go has the values of literals. blockstring.go computes those of block strings as
// the specification has them (GraphQL, section 2.9.4, BlockStringValue), and correct.go puts them into a document.
package syntax
