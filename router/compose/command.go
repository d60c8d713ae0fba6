package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"souk/internal/blocking"
	"souk/internal/outfile"
)

// Command is the command `souk compose`. It composes the subgraphs named in a
// configuration file.
type Command struct {
	Config string       // path of the configuration file
	Output string       // path of the supergraph to write; empty for Stdout
	Check  bool         // do not write; fail unless Output is up to date
	Format Format       // of errors and hints; empty for text
	Hints  bool         // report hints that do not fail, too
	FailOn Level        // fail if there are hints of this level or above; 0 for never
	Stdout io.Writer    // receives the supergraph if Output is empty
	Stderr io.Writer    // receives errors and hints; nil for none
	Client *http.Client // fetches the SDL of running subgraphs; nil for http.DefaultClient
}

// ErrStale means that a supergraph file differs from the composition of its
// subgraphs.
var ErrStale = errors.New("the supergraph is out of date")

const header = "# Made by `souk compose`; do not edit.\n\n"

// ErrHints means that a composition has hints that FailOn does not allow.
var ErrHints = errors.New("the composition has hints")

// Run composes. The error wraps an Errors if the subgraphs do not compose, ErrHints
// if they have hints that are not allowed, and ErrStale if Check is set and Output
// is out of date. With FormatJSON, Stderr has the reason of any other error, too.
func (c Command) Run(ctx context.Context) error {
	result, err := c.compose(ctx)
	if err == nil {
		err = c.finish(ctx, result)
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		return err // there is nothing to report
	}
	return c.report(result, err)
}

// compose composes the subgraphs of the configuration file.
func (c Command) compose(ctx context.Context) (*Result, error) {
	config, err := blocking.Call(ctx, func() (*Config, error) { return ReadConfig(c.Config, os.LookupEnv) })
	if err != nil {
		return nil, err
	}
	if input := outfile.Among(c.Output, config.inputs...); input != "" {
		return nil, fmt.Errorf("--output is %s, the same file as %s, which the supergraph is composed from; name another file", c.Output, input)
	}
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	subgraphs, err := config.Load(ctx, client)
	if err != nil {
		return nil, err
	}
	return Compose(ctx, subgraphs)
}

// finish writes or checks the supergraph, unless it has hints that are not allowed.
func (c Command) finish(ctx context.Context, result *Result) (err error) {
	if refused := c.refused(result.Hints); refused > 0 {
		return fmt.Errorf("%w: %d of level %s or above", ErrHints, refused, c.FailOn)
	}
	composed := header + strings.TrimSpace(result.SDL) + "\n"
	switch {
	case c.Check:
		return c.check(ctx, composed)
	case c.Output == "":
		_, err = io.WriteString(c.Stdout, composed)
	default:
		_, err = blocking.Call(ctx, func() (struct{}, error) { return struct{}{}, outfile.Write(c.Output, []byte(composed)) })
	}
	if err != nil {
		return fmt.Errorf("writing the supergraph: %w", err)
	}
	return nil
}

// refused counts the hints that FailOn does not allow.
func (c Command) refused(hints []Hint) int {
	count := 0
	for _, h := range hints {
		if c.fails(h) {
			count++
		}
	}
	return count
}

// fails reports whether FailOn does not allow a hint. Such hints are reported without Hints,
// too.
func (c Command) fails(h Hint) bool { return c.FailOn > 0 && h.Level >= c.FailOn }

// check compares the supergraph file with the composed text.
func (c Command) check(ctx context.Context, composed string) error {
	if c.Output == "" {
		return errors.New("nothing to check: name the supergraph file with --output")
	}
	present, err := blocking.Call(ctx, func() ([]byte, error) { return os.ReadFile(c.Output) })
	if ctx.Err() != nil {
		return fmt.Errorf("checking the supergraph: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStale, err)
	}
	if string(present) == composed {
		return nil
	}
	line, was, is := firstDifference(string(present), composed)
	return fmt.Errorf("%w: line %d of %s is %s, but should be %s; run `souk compose --config %s --output %s` and commit the result",
		ErrStale, line, c.Output, was, is, c.Config, c.Output)
}

// firstDifference returns the number of the first line, from 1, in which two
// different texts differ, and that line of each text.
func firstDifference(a, b string) (line int, inA, inB string) {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	at := func(lines []string, i int) string {
		if i < len(lines) {
			return strconv.Quote(strings.TrimSpace(lines[i]))
		}
		return "the end of the file"
	}
	for i := 0; ; i++ {
		if at(as, i) != at(bs, i) || i >= len(as) || i >= len(bs) {
			return i + 1, at(as, i), at(bs, i)
		}
	}
}
