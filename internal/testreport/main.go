// Command testreport runs `go test` with its arguments, prints what `go test` prints, and
// then lists the tests that were skipped, with their reasons. It ends with the status of
// `go test`. Unless -p is among the arguments, two packages more than there are processors are
// compiled or tested at once, since many tests wait for programs and databases. Unless GOGC is
// set, garbage is collected less often than by default, which saves the compiler a seventh of
// its time:
//
//	go run ./internal/testreport -timeout 20m ./...
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

func main() {
	status, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		status = 1
	}
	os.Exit(status)
}

func run(arguments []string, w io.Writer) (status int, err error) {
	command := exec.CommandContext(context.Background(), "go", append([]string{"test"}, withFlags(arguments)...)...)
	command.Stderr = os.Stderr
	if _, set := os.LookupEnv("GOGC"); !set {
		command.Env = append(os.Environ(), "GOGC=400")
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := command.Start(); err != nil {
		return 1, fmt.Errorf("starting go test: %w", err)
	}
	if err := report(out, w); err != nil {
		return 1, errors.Join(err, command.Wait())
	}
	err = command.Wait()
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		return failed.ExitCode(), nil
	}
	return 0, err
}

// withFlags adds -json and -p. -C must stay the first argument.
func withFlags(arguments []string) []string {
	flags := []string{"-json"}
	if !slices.ContainsFunc(arguments, func(a string) bool { return a == "-p" || strings.HasPrefix(a, "-p=") }) {
		flags = append(flags, fmt.Sprintf("-p=%d", runtime.GOMAXPROCS(0)+2))
	}
	if len(arguments) > 1 && arguments[0] == "-C" {
		return slices.Concat(arguments[:2], flags, arguments[2:])
	}
	return append(flags, arguments...)
}

// An event is a line of `go test -json`; see `go doc test2json`.
type event struct{ Action, Package, Test, Output string }

// report prints the output of packages and of tests that fail as it arrives, and the skipped
// tests at the end.
func report(events io.Reader, w io.Writer) error {
	type test struct{ pkg, name string }
	outputs := map[test]string{}
	var skipped []string
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(w, lines.Text()) // go test itself
			continue
		}
		at := test{e.Package, e.Test}
		switch {
		case e.Action == "build-output":
			fmt.Fprint(w, e.Output)
		case e.Action == "output" && e.Test == "":
			if e.Output != "PASS\n" {
				fmt.Fprint(w, e.Output)
			}
		case e.Action == "output":
			outputs[at] += e.Output
		case e.Action == "fail" && e.Test == "":
			// The tests that ran when the program ended, such as by a panic of a goroutine, have no result.
			for _, unfinished := range slices.SortedFunc(maps.Keys(outputs), func(a, b test) int { return strings.Compare(a.name, b.name) }) {
				if unfinished.pkg == e.Package {
					fmt.Fprint(w, outputs[unfinished])
					delete(outputs, unfinished)
				}
			}
		case e.Action == "fail":
			fmt.Fprint(w, outputs[at])
			delete(outputs, at)
		case e.Action == "skip" && e.Test != "":
			skipped = append(skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(outputs[at])))
			delete(outputs, at)
		case e.Action == "pass":
			delete(outputs, at)
		}
	}
	if len(skipped) > 0 {
		fmt.Fprintf(w, "\nSkipped:\n  %s\n", strings.Join(skipped, "\n  "))
	}
	return lines.Err()
}

// reason returns what a skipped test said: its output without the lines of package testing
// and the position.
func reason(output string) string {
	var said []string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, text, found := strings.Cut(line, ".go:"); found {
			_, line, _ = strings.Cut(text, ": ")
		}
		said = append(said, line)
	}
	return strings.Join(said, " ")
}
