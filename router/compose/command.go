package compose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// Command is `souk compose`: it composes what a configuration file names.
type Command struct {
	Config string       // the configuration file
	Output string       // where the supergraph goes; empty for Stdout
	Check  bool         // write nothing; fail unless Output is current
	Stdout io.Writer    // for the supergraph when Output is empty
	Client *http.Client // asks running subgraphs; nil for http.DefaultClient
}

// ErrStale says that a committed supergraph is not what its subgraphs compose
// to now.
var ErrStale = errors.New("the supergraph is not current")

const header = "# Made by `souk compose`; do not edit.\n\n"

// Run composes. Its error is Errors when the subgraphs do not fit together and
// wraps ErrStale when Check finds another supergraph than the one composed.
func (c Command) Run(ctx context.Context) error {
	config, err := ReadConfig(c.Config)
	if err != nil {
		return err
	}
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	subgraphs, err := config.Load(ctx, filepath.Dir(c.Config), client)
	if err != nil {
		return err
	}
	sdl, err := Compose(ctx, subgraphs)
	if err != nil {
		return err
	}
	composed := header + strings.TrimSpace(sdl) + "\n"
	switch {
	case c.Check:
		return c.check(composed)
	case c.Output == "":
		_, err = io.WriteString(c.Stdout, composed)
	default:
		err = replace(c.Output, composed)
	}
	if err != nil {
		return fmt.Errorf("writing the supergraph: %w", err)
	}
	return nil
}

func (c Command) check(composed string) error {
	if c.Output == "" {
		return errors.New("nothing to check: name the supergraph's file")
	}
	present, err := os.ReadFile(c.Output)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrStale, err)
	}
	if string(present) == composed {
		return nil
	}
	line, was, is := firstDifference(string(present), composed)
	return fmt.Errorf("%w: line %d of %s is\n\t%s\nand would be\n\t%s\nrun `souk compose --config %s --output %s` and commit the result",
		ErrStale, line, c.Output, was, is, c.Config, c.Output)
}

// replace writes a file whole or not at all: a router may be watching it.
func replace(path, text string) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	if _, err := temporary.WriteString(text); err != nil {
		return errors.Join(err, temporary.Close())
	}
	if err := errors.Join(temporary.Chmod(0o644), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}

// firstDifference gives the first line, counted from 1, in which two unequal
// texts differ, and what it is in each.
func firstDifference(a, b string) (line int, inA, inB string) {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	at := func(lines []string, i int) string {
		if i < len(lines) {
			return strings.TrimSpace(lines[i])
		}
		return "(the end)"
	}
	for i := 0; ; i++ {
		if at(as, i) != at(bs, i) || i >= len(as) || i >= len(bs) {
			return i + 1, at(as, i), at(bs, i)
		}
	}
}
