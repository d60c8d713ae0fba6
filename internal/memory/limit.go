// Package memory keeps a process within its memory limit.
//
// SetLimit (limit.go) derives Go's soft memory limit from the cgroup, and lets the garbage collector
// run less often below half of it (pace.go); Postpone makes it wait for work that ends soon. Return
// and ReturnSpare give memory back (return.go). A Budget (budget.go) limits the bytes that requests in
// progress hold. A Guard (guard.go) reports when the live heap approaches the limit, so that a server
// can reject new work in time.
package memory

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// A Share is the fraction of the cgroup's memory that the Go heap may use. The rest is
// for the program's code, the kernel's socket buffers, and allocations of a burst
// before the garbage collector catches up.
type Share float64

const (
	// Edge is the share for a process that is exposed to anonymous clients.
	// Thousands of them may have connections, whose socket buffers count towards
	// the memory of the container.
	Edge Share = 0.55
	// Inside is the share for a process with internal clients only.
	Inside Share = 0.7
)

// unlimited is more memory than any machine has. cgroup v1 reports a number of this
// magnitude for a group without a limit.
const unlimited = 1 << 50

// SetLimit sets Go's soft memory limit to a share of the container's limit and logs it.
// It does not override GOMEMLIMIT. GOGC adapts to what is left below the limit; see pace.
func SetLimit(logger *slog.Logger, share Share) {
	defer pace()
	if given := os.Getenv("GOMEMLIMIT"); given != "" {
		logger.Info("soft memory limit", "bytes", Limit(), "source", "GOMEMLIMIT")
		return
	}
	// The library sets no limit without a cgroup that has one.
	limit, err := memlimit.Set(
		memlimit.WithRatio(float64(share)), memlimit.WithProvider(memlimit.FromCgroup), memlimit.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil || limit <= 0 || limit > unlimited {
		debug.SetMemoryLimit(math.MaxInt64)
		logger.Info("no soft memory limit: the cgroup has no limit; set GOMEMLIMIT to add one")
		return
	}
	logger.Info("soft memory limit", "bytes", Limit(), "source", fmt.Sprintf("%.0f %% of the cgroup's limit", float64(share)*100))
}

// Limit returns the soft memory limit in bytes, or 0 if there is none.
func Limit() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}
