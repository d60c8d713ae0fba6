// Package user is the user service: accounts, log-in, sessions and roles. It
// signs the tokens by which all services know who calls, and publishes the
// keys to check them at /.well-known/jwks.json.
//
// A request passes package graph, the resolvers, which decide who may see what,
// to package account, which keeps the rules and the tables.
package user
