// Package apollo tests the router with a subgraph of Apollo Server: files that apollo-upload-client
// sends and graphql-upload reads, and subscriptions by HTTP callback
// (ApolloServerPluginSubscriptionCallback).
//
// The tests install the npm packages in package-lock.json, which are cached in the user's cache
// directory under the hash of the lock file. subgraph.mjs is the subgraph, upload.mjs the client.
package apollo
