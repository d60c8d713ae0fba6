// Package schema is the model of a GraphQL schema that composition works on: of a
// subgraph, as it is read, and of the supergraph, as it is merged. Unlike the
// model of a schema that is executed, it keeps where each part was written, which
// parts are extensions, and each application of a directive.
//
// The hub is schema.go. type.go has the types and their members, directive.go
// directives, value.go their values, and ref.go references to types. print.go prints a
// schema as Apollo does, with the order of names in name.go, and document.go converts it
// for the packages that read a supergraph.
package schema
