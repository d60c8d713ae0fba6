// Package upload reads GraphQL multipart requests and forwards their files to subgraphs
// (https://github.com/jaydenseric/graphql-multipart-request-spec).
//
// [Read] takes a request body up to the end of its part operations. It returns a [Request], whose
// Operations are an ordinary GraphQL request. [Request.Map] goes on up to the first file, when it
// is known that the operation is allowed. Where the client has null for a file, the variables then
// have a reference to it, a random text, so that variables of the type Upload! can be coerced.
// [Request.Assign] says which request to a subgraph sends which file.
//
// The files stay in the client's connection until a request to a subgraph reads them: the router
// holds no more of a file than the buffers of two connections, 64 KiB together. Therefore
// requests to subgraphs take the files in the order in which the client sends them.
//
//	request.go     the parts operations and map
//	references.go  references to files in operations and in requests to subgraphs
//	stream.go      the files, one after another, and their limits
//	body.go        the multipart body for a subgraph
//	parts.go       the names and types of its parts, which the router chooses
package upload
