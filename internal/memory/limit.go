// Package memory keeps a process within the memory it is granted.
//
// SetLimit takes Go's soft memory limit from the cgroup. A Budget bounds the
// bytes that requests hold while they are answered. A Guard tells when the heap
// that is in use nears the limit, for new work to be refused in time.
package memory

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// A Share is the part of the cgroup's memory that the Go heap may use. The rest is
// for the program's own pages, the kernel's socket buffers, and for what a burst
// allocates before the collector catches up.
type Share float64

const (
	// Edge is for a process that anonymous clients reach. Thousands of them may
	// have connections, whose socket buffers count as memory of the container.
	Edge Share = 0.55
	// Inside is for a process whose clients are those of one system.
	Inside Share = 0.7
)

// unlimited is more than any machine has: cgroup v1 tells a number of this size
// for a group without a limit.
const unlimited = 1 << 50

// SetLimit makes the garbage collector keep to the memory that the container is
// granted, and logs the limit. GOMEMLIMIT, if it is set, is kept.
func SetLimit(logger *slog.Logger, share Share) {
	if given := os.Getenv("GOMEMLIMIT"); given != "" {
		logger.Info("soft memory limit", "bytes", Limit(), "source", "GOMEMLIMIT")
		return
	}
	// The library sets nothing if there is no cgroup, or none with a limit.
	limit, err := memlimit.Set(
		memlimit.WithRatio(float64(share)), memlimit.WithProvider(memlimit.FromCgroup), memlimit.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil || limit <= 0 || limit > unlimited {
		debug.SetMemoryLimit(math.MaxInt64)
		logger.Info("no soft memory limit: the cgroup grants any amount; GOMEMLIMIT sets one")
		return
	}
	logger.Info("soft memory limit", "bytes", Limit(), "source", fmt.Sprintf("%.0f %% of the cgroup's limit", float64(share)*100))
}

// Limit is the soft memory limit in bytes; 0 for none.
func Limit() int64 {
	limit := debug.SetMemoryLimit(-1)
	if limit == math.MaxInt64 {
		return 0
	}
	return limit
}
