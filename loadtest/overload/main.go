package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"souk/internal/onlyflags"
)

// maxDuration bounds the whole run, apart from building.
const maxDuration = 3 * time.Minute

// maxFactor bounds the load.
const maxFactor = 20

func main() {
	program := flag.String("souk", "", "the souk program to test; default: built from this directory")
	other := flag.String("beside", "", "compare the capacity with that of another souk program")
	list := flag.String("factors", "2,5,10", "the multiples of the capacity to offer")
	if onlyflags.Parse(flag.CommandLine, os.Args[1:]) != nil {
		os.Exit(2)
	}
	// With one thread, the clients wake others less often, which costs processor time of the store.
	runtime.GOMAXPROCS(1)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	factors, err := parseFactors(*list)
	if err == nil {
		err = run(ctx, os.Stdout, *program, *other, factors)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, program, other string, factors []float64) (err error) {
	dir, err := os.MkdirTemp("", "souk-overload-")
	if err != nil {
		return fmt.Errorf("creating a directory for data: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { // if this user is root, Postgres runs as another one
		return fmt.Errorf("creating a directory for data: %w", err)
	}
	if program == "" {
		program = filepath.Join(dir, "souk")
		if text, err := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", program, ".").CombinedOutput(); err != nil {
			return fmt.Errorf("building souk: %w: %s", err, text)
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxDuration, errors.New("the run has taken 3 minutes; is the machine busy?"))
	defer cancel()
	s, err := startStore(ctx, program, filepath.Join(dir, "store"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if other == "" {
		return overload(ctx, out, s, factors)
	}
	o, err := startStore(ctx, other, filepath.Join(dir, "other"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.stop()) }()
	return compare(ctx, out, s, o)
}

// parseFactors parses multiples such as 2,5,10.
func parseFactors(list string) ([]float64, error) {
	var factors []float64
	for text := range strings.SplitSeq(list, ",") {
		factor, err := strconv.ParseFloat(text, 64)
		if err != nil || !(factor > 1 && factor <= maxFactor) {
			return nil, fmt.Errorf("-factors is %q; it must be numbers above 1 and up to %d, such as 2,5,10", list, maxFactor)
		}
		factors = append(factors, factor)
	}
	return factors, nil
}
