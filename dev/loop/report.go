package loop

import (
	"fmt"
	"io"
	"strings"
	"sync"

	"souk/router/compose"
	"souk/router/schemadiff"
)

// maxChanges bounds how many changes of the API schema are written.
const maxChanges = 30

// problem writes a problem that keeps the subgraphs from being composed or served.
func (l *loop) problem(text string) { l.report(text, true) }

// report writes a problem, unless it is the one that was written last. kept is false if a graph
// is composed nevertheless.
func (l *loop) report(text string, kept bool) {
	text = strings.TrimSpace(text)
	if text == l.failing {
		return
	}
	l.failing = text
	fmt.Fprintln(l.Out, text)
	if kept && l.served != "" {
		fmt.Fprintln(l.Out, "The router keeps the last graph that composed.")
	}
}

// composed writes what has changed with a supergraph, which is in use now.
func (l *loop) composed(subgraphs []compose.Subgraph, result *compose.Result, problems bool) {
	before := l.schema
	if !problems {
		l.failing = ""
	}
	l.served = result.SDL
	l.schema, _ = compose.APISchema("supergraph", result.SDL) // the router reports an error, too
	fmt.Fprintf(l.Out, "Composed %s.\n", nameList(subgraphs))
	for _, h := range result.Hints {
		if h.Level == compose.LevelWarn {
			fmt.Fprintf(l.Out, "  %s: %s\n", h.Level, h)
		}
	}
	if before == nil || l.schema == nil {
		return
	}
	changes := schemadiff.Compare(before, l.schema)
	if len(changes) == 0 {
		fmt.Fprintln(l.Out, "  The API schema is the same.")
	}
	for i, c := range changes {
		if i == maxChanges {
			fmt.Fprintf(l.Out, "  and %d more changes\n", len(changes)-i)
			break
		}
		fmt.Fprintln(l.Out, "  "+c.String())
	}
}

// lines writes whole lines of several goroutines.
type lines struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
