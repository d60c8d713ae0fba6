// Package user is the user service: accounts, log-in, sessions and roles. It
// signs the access tokens by which all services identify callers, and
// publishes the keys that verify them at /.well-known/jwks.json.
//
// A request passes through package graph (resolvers: decide who may see and do
// what) to package account (the rules and the tables). service.go is the hub:
// it wires the packages together and runs the periodic cleanup. seed.go
// creates the sample users, and generate.go those of a generated shop.
package user
