// Package documents reads trusted documents: GraphQL documents that an operator lists, so that
// clients can send their IDs, or can send no others. The gateway serves them, and the command
// `souk documents` makes and checks the lists.
//
// The hub is set.go: a [Set] finds documents by ID and by text. manifest.go reads the formats of
// Apollo and Relay, directory.go files and directories, and normal.go has the form in which
// equal documents have equal texts.
package documents
