// Package clients tests the router with the GraphQL clients that people use.
//
// TestNode installs the npm packages of package-lock.json, starts a router
// with two subgraphs on loopback, and runs every case of cases/*.mjs in one
// Node.js process. TestPython does the same with the packages of
// requirements.txt and the cases of cases.py. Packages are kept in the user's
// cache directory, by the hash of the lock file, so only the first run
// installs them.
//
// A case is an exported async function of a file in cases/. Its argument is
// the router (see run.mjs): URLs and a function that lets a held field of a
// subgraph answer. A case fails by throwing. To add a client, add its package
// to package.json, run `npm install --package-lock-only --ignore-scripts`, and
// write a file in cases/. To add something to the graph, see subgraph_test.go.
package clients
