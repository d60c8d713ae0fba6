//go:build unix

package processtime

import (
	"fmt"
	"syscall"
	"time"
)

// Own returns the user and system time that this process has used.
func Own() (time.Duration, error) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0, fmt.Errorf("reading the processor time of this process: %w", err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano()), nil
}
