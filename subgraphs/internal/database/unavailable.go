package database

import (
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Unavailable reports whether an error of pgx means that Postgres cannot be
// used at the moment: it is unreachable, starting, stopping or out of
// resources, it ended a statement that took too long, or it broke the connection. The same work may succeed later.
// Whether work that it interrupted took effect is unknown.
func Unavailable(err error) bool {
	if err == nil {
		return false
	}
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		return temporary(refused.Code)
	}
	if failed := (*pgconn.ConnectError)(nil); errors.As(err, &failed) {
		return true
	}
	// pgx wraps the errors of the connection. It has no exported error for a
	// connection that it closed after such an error.
	var broken net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &broken) && !broken.Timeout() || strings.HasSuffix(err.Error(), "conn closed")
}

// Refused reports whether Postgres itself responded that it cannot do the work
// at the moment.
func Refused(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && temporary(refused.Code)
}

// temporary reports whether a SQLSTATE (PostgreSQL documentation, appendix A)
// belongs to a failure that passes.
func temporary(code string) bool {
	switch code[:min(2, len(code))] {
	case "08", // connection exception
		"53": // insufficient resources, such as too many connections
		return true
	}
	switch code {
	case "57P01", "57P02", "57P03", // the server is stopping, has crashed or is starting
		"25006",          // read-only: this was the primary before a failover
		"40001", "40P01", // serialization failure, deadlock
		"55P03",       // a lock is not available
		queryCanceled: // see Slow
		return true
	}
	return false
}
