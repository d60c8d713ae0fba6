// Package database has what the services share about Postgres. unavailable.go
// tells failures that pass, such as a restart, a failover or too many
// connections, from those that do not. timeout.go bounds how long statements take, and
// cancels those of callers who have left.
// fill.go fills tables with many rows. measure.go measures statements and the pool, and
// summary.go names statements.
package database
