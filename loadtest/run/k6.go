package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// journalPath is the file that scripts log to.
func (t *testRun) journalPath() string { return filepath.Join(t.results, "k6.log") }

// runScript runs a script with environment variables. A failed threshold is an
// error.
func (t *testRun) runScript(ctx context.Context, script string, variables []string, flags ...string) error {
	return t.runScriptOf(ctx, t.top, script, variables, flags...)
}

// runScriptOf is like runScript for the scripts of another source directory.
func (t *testRun) runScriptOf(ctx context.Context, source, script string, variables []string, flags ...string) error {
	if err := os.RemoveAll(t.journalPath()); err != nil {
		return fmt.Errorf("removing the previous journal: %w", err)
	}
	args := append([]string{"run", "--quiet", "--no-usage-report", "--log-format", "json", "--console-output", t.journalPath()}, flags...)
	cmd := exec.CommandContext(ctx, t.k6, append(args, filepath.Join(source, "loadtest", script+".js"))...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // lets k6 write its summary
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(append(os.Environ(), "GATEWAY_URL="+t.store.URL("router"), "RESULTS="+t.results, "K6_NO_COLOR=true"), variables...)
	cmd.Stdout = t.out
	log := new(strings.Builder)
	cmd.Stderr = log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("k6 run %s.js: %w: %s", script, err, tailOf(log.String()))
	}
	return nil
}

// A summary has the results of a script.
type summary struct {
	Failed  []string // thresholds
	Metrics map[string]struct {
		Values map[string]float64
	}
}

// readSummary reads the summary of the last script.
func readSummary(results string) (all summary, err error) {
	text, err := os.ReadFile(filepath.Join(results, "summary.json"))
	if err != nil {
		return all, fmt.Errorf("reading the summary: %w", err)
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return all, fmt.Errorf("reading the summary: %w", err)
	}
	return all, nil
}

func tailOf(log string) string { return log[max(0, len(log)-2000):] }

// acceptedOrder is what a customer knows about an accepted order.
type acceptedOrder struct {
	Order   int64  `json:"order,string"`
	Product int64  `json:"product,string"`
	Email   string `json:"email"`
}

// readJournal reads the accepted orders from a script's log.
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
