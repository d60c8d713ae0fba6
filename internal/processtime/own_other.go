//go:build !unix

package processtime

import (
	"errors"
	"fmt"
	"time"
)

// Own returns the user and system time that this process has used.
func Own() (time.Duration, error) {
	return 0, fmt.Errorf("reading the processor time of this process: %w", errors.ErrUnsupported)
}
