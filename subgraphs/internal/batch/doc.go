// Package batch combines the reads of resolvers. gqlgen calls a resolver once
// for all objects of a list, but again for each object that is not in a list,
// such as the category of each of a hundred products. Load (scope.go) combines
// those calls: under one root field of an operation, each key is read once, and
// keys that are wanted at the same time are read together (loader.go).
//
// Resolvers (the packages graph) call Load with the read of a store. The handler
// (package graphql) uses the extension Scopes.
package batch
