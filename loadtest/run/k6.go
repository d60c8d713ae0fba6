package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"souk/dev"
)

// module is k6 as a Go program, for machines without it.
const module = "go.k6.io/k6@v1.8.1"

// findK6 gives the path of a k6 program.
func findK6(ctx context.Context, out io.Writer) (string, error) {
	if path := os.Getenv("K6"); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath("k6"); err == nil {
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a place for k6: %w", err)
	}
	bin := filepath.Join(cache, "souk", module)
	path := filepath.Join(bin, "k6")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	fmt.Fprintln(out, "Building", module, "once; this takes a few minutes.")
	cmd := exec.CommandContext(ctx, "go", "install", module)
	cmd.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building k6: %w: %s; install k6 or set K6 to its path", err, text)
	}
	return path, nil
}

func journalFile() string { return filepath.Join(results, "k6.log") }

// runK6 runs the mixed script. That a threshold was not kept is an error.
func runK6(ctx context.Context, out io.Writer, k6 string, store *dev.System, env ...string) error {
	if err := os.RemoveAll(journalFile()); err != nil {
		return fmt.Errorf("removing the last journal: %w", err)
	}
	cmd := exec.CommandContext(ctx, k6, "run", "--quiet", "--no-usage-report", "--log-format", "json", "--console-output", journalFile(), "loadtest/mixed.js")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // it still writes its summary
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(append(os.Environ(), "GATEWAY_URL="+store.URL("router"), "RESULTS="+results, "K6_NO_COLOR=true"), env...)
	cmd.Stdout = out
	log := new(strings.Builder)
	cmd.Stderr = log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("k6: %w: %s", err, tailOf(log.String()))
	}
	return nil
}

func tailOf(log string) string { return log[max(0, len(log)-2000):] }

// acceptedOrder is what a customer knows of an order the store has taken.
type acceptedOrder struct {
	Order   int64  `json:"order,string"`
	Product int64  `json:"product,string"`
	Email   string `json:"email"`
}

// readJournal reads the accepted orders that the script wrote down.
func readJournal(path string) ([]acceptedOrder, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	defer file.Close()
	var accepted []acceptedOrder
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Msg string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("reading the journal: %q: %w", lines.Text(), err)
		}
		text, ok := strings.CutPrefix(line.Msg, "ACCEPTED ")
		if !ok {
			continue
		}
		var order acceptedOrder
		if err := json.Unmarshal([]byte(text), &order); err != nil {
			return nil, fmt.Errorf("reading the journal: %q: %w", text, err)
		}
		accepted = append(accepted, order)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	return accepted, nil
}
