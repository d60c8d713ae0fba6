// Package mock responds in the place of a subgraph that does not exist yet. From the SDL it
// makes believable data: names, e-mail addresses, prices and times by the names of fields.
//
// The data is computed, not stored. It depends only on the seed, the key of an entity and
// the field, so that all subgraphs and all operations agree on it. Entities have the keys
// that the router sends, and arguments such as Query.product(id:) and
// createProduct(name:) come back in the fields of the same name. No value is null, but for lists
// whose arguments a service would refuse. The events
// of a subscription differ, and their number is limited. The edges, nodes, counts and cursors
// of a connection agree.
//
// The hub is mock.go. schema.go reads the SDL, execute.go executes an operation, arguments.go
// gives objects what arguments say, page.go has the pages of lists, refuse.go what is refused of
// their arguments, object.go the identity of
// objects and which type they have, value.go makes scalars, and subscribe.go serves
// subscriptions.
package mock
