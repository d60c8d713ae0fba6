package loop

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vektah/gqlparser/v2/ast"

	"souk/router/compose"
	"souk/router/supergraph"
)

// Options configure the loop.
type Options struct {
	Config string                      // path of supergraph.yaml
	Lookup func(string) (string, bool) // environment variables
	Client *http.Client                // fetches the SDLs of running subgraphs
	// Poll is how often running subgraphs are asked for their SDL. Files are read then,
	// too, for file systems that do not report changes.
	Poll time.Duration
	// After and Now are time.After and time.Now, or the clock of a test.
	After func(time.Duration) <-chan time.Time
	Now   func() time.Time
	// Mocked are the names of the subgraphs that are mocked.
	Mocked []string
	// MockURL returns the URL of the mock of a subgraph. Only Mocked needs it.
	MockURL func(name string) string
	// Mock sets the SDL from which a mock responds, and the API schema of the graph.
	Mock func(name, sdl, api string) error
	// Serve serves a supergraph, in place of the one before. An error of the first call
	// ends the loop.
	Serve func(ctx context.Context, sdl string) error
	// Out receives what people read.
	Out io.Writer
}

// settle is how long files must not change before they are read: editors write in steps.
const settle = 50 * time.Millisecond

// A loop is the state of Run.
type loop struct {
	Options
	sources
	processes processes
	composer  compose.Composer
	// tried is the fingerprint of the subgraphs that were composed last.
	tried string
	// served is the supergraph in use, and schema its API schema. They are empty until
	// the first supergraph composes.
	served string
	schema *ast.Schema
	// failing is the report of the problems that there are now, or empty.
	failing string
}

// Run composes and serves until ctx is done. It returns nil then. It fails if the
// configuration file is invalid at the start, or the first supergraph cannot be served.
func Run(ctx context.Context, o Options) error {
	l := &loop{Options: o, processes: processes{out: &lines{w: o.Out}, after: o.After, now: o.Now}}
	l.Out = l.processes.out
	if err := l.readConfig(ctx, o); err != nil {
		return err
	}
	defer l.processes.stop()
	watcher := newWatcher()
	defer watcher.close()
	for began, fetch := true, true; ; began = false {
		watcher.watch(l.files())
		l.processes.set(ctx, l.runs())
		err := l.refresh(ctx, fetch)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if began && l.served == "" {
			fmt.Fprintln(l.Out, "Waiting until the subgraphs compose. Press Ctrl-C to stop.")
		}
		fetch = false
		select {
		case <-ctx.Done():
			return nil
		case <-watcher.changed:
			watcher.settle(ctx, l.After)
		case <-l.After(l.Poll):
			fetch = true
		}
		if err := l.readConfig(ctx, o); err != nil && ctx.Err() == nil {
			l.problem(err.Error())
		}
	}
}

// refresh loads what may have changed, and composes and serves it if it has.
func (l *loop) refresh(ctx context.Context, fetch bool) error {
	subgraphs, problems, complete := l.load(ctx, l.Options, fetch)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the loop ends, which is no failure
	}
	mark := fingerprint(subgraphs)
	if len(problems) > 0 {
		l.report(problems.Error(), !complete || mark == l.tried)
	}
	if !complete {
		return nil
	}
	if mark == l.tried {
		if len(problems) == 0 && l.served != "" && l.invalid == "" && l.failing != "" && !l.refused {
			l.failing = ""
			fmt.Fprintln(l.Out, "The problem is gone; the graph is the one being served.")
		}
		return nil
	}
	l.tried, l.refused = mark, true
	for i, s := range subgraphs {
		if slices.Contains(l.Mocked, s.Name) {
			subgraphs[i].URL = l.MockURL(s.Name)
		}
	}
	result, err := l.composer.Compose(ctx, subgraphs)
	if errs := (compose.Errors)(nil); errors.As(err, &errs) {
		var text strings.Builder
		compose.WriteText(&text, errs, nil)
		l.problem(text.String())
		return nil
	}
	if err != nil {
		return err
	}
	if err := l.mock(subgraphs, result.SDL); err != nil {
		return err
	}
	if result.SDL != l.served {
		if err := l.Serve(ctx, result.SDL); err != nil {
			if l.served == "" {
				return err
			}
			l.problem(err.Error())
			return nil
		}
	}
	l.refused = false
	l.composed(subgraphs, result, len(problems) > 0)
	return nil
}

// mock lets mocks respond from the SDLs of their subgraphs.
func (l *loop) mock(subgraphs []compose.Subgraph, sdl string) error {
	if len(l.Mocked) == 0 {
		return nil
	}
	model, err := supergraph.Parse(sdl)
	if err != nil {
		return fmt.Errorf("reading the supergraph: %w", err)
	}
	for _, s := range subgraphs {
		if !slices.Contains(l.Mocked, s.Name) {
			continue
		}
		if err := l.Mock(s.Name, s.SDL, model.APISchema); err != nil {
			return fmt.Errorf("mocking the subgraph %s: %w", s.Name, err)
		}
	}
	return nil
}

// runs returns the commands that start the subgraphs that are not mocked.
func (l *loop) runs() map[string]compose.Run {
	runs := l.config.Runs()
	for _, name := range l.Mocked {
		delete(runs, name)
	}
	return runs
}
