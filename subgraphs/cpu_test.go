package subgraphs_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// cpuClock returns a clock of the processor time that this process and a
// Postgres server on the same machine have used. Unlike the time on the wall, it
// hardly depends on what else the machine does. It returns nil if it cannot
// read that.
func cpuClock(t testing.TB, db *pgxpool.Pool) func() time.Duration {
	t.Helper()
	backend := value[int](t, db, `SELECT pg_backend_pid()`)
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
	return func() time.Duration {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			t.Fatal(err)
		}
		total := time.Duration(used.Utime.Nano() + used.Stime.Nano())
		processes, err := os.ReadFile(children)
		if err != nil {
			t.Fatal(err)
		}
		for _, process := range strings.Fields(string(processes)) {
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
