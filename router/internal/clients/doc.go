// Package clients tests the router with widely used clients.
//
// TestNodeClientsWorkUnchanged installs the npm packages in package-lock.json, starts a router
// with two subgraphs on loopback, and runs all cases of cases/*.mjs in one Node.js
// process. TestPythonClientsWorkUnchanged does the same with the packages in requirements.txt and
// the cases in cases.py: GraphQL clients, and one of the Model Context Protocol. The packages are cached in the user's cache directory under
// the hash of the lock file, so only the first run installs them.
//
// A case is an exported async function of a file in cases/. Its argument is the
// router (see run.mjs): URLs, a function that releases a field held back by a subgraph,
// and one that reloads the router's configuration. A case fails by throwing. To add a client, add its package to
// package.json, run `npm install --package-lock-only --ignore-scripts`, and write a
// file in cases/. subgraph_test.go defines the subgraphs.
package clients
