package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"souk/internal/processtime"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Clock returns the processor time that this process and a Postgres server have
// used. Unlike the time on the wall, it hardly depends on what else the machine
// does.
type Clock func() time.Duration

// NewClock returns the clock of this process and the server of a database. It
// returns nil if the server is on another machine, or if this one does not tell
// the times of processes.
func NewClock(t testing.TB, db *pgxpool.Pool) Clock {
	t.Helper()
	var backend int
	if err := db.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&backend); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", backend))
	if err != nil {
		return nil
	}
	_, after, _ := strings.Cut(string(status), "PPid:\t")
	server, _, _ := strings.Cut(after, "\n")
	children := fmt.Sprintf("/proc/%s/task/%s/children", server, server)
	if _, err := os.ReadFile(children); err != nil {
		return nil
	}
	counted := map[string]bool{}
	return func() time.Duration {
		total, err := processtime.Own()
		if err != nil {
			t.Fatal(err)
		}
		processes, err := os.ReadFile(children)
		if err != nil {
			t.Fatal(err)
		}
		for _, process := range strings.Fields(string(processes)) {
			serves, known := counted[process]
			if !known {
				serves = servesClients(process)
				counted[process] = serves
			}
			if !serves {
				continue
			}
			// The first number is the time on a processor, in nanoseconds.
			text, err := os.ReadFile("/proc/" + process + "/schedstat")
			if err != nil {
				continue // it ended
			}
			spent, _, _ := strings.Cut(string(text), " ")
			if n, err := strconv.ParseInt(spent, 10, 64); err == nil {
				total += time.Duration(n)
			}
		}
		return total
	}
}

// servesClients reports whether a process of Postgres does what clients asked
// for. Others, such as autovacuum, have a title that says what they do.
func servesClients(process string) bool {
	title, err := os.ReadFile("/proc/" + process + "/cmdline")
	if err != nil {
		return false
	}
	for _, other := range []string{"autovacuum", "checkpointer", "writer", "logical replication", "archiver", "stats"} {
		if strings.Contains(string(title), other) {
			return false
		}
	}
	return true
}
