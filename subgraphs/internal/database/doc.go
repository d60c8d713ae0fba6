// Package database tells failures of Postgres that pass, such as a restart, a
// failover or too many connections, from those that do not.
package database
