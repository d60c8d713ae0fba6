package compose

import (
	"context"
	"sync"

	"souk/router/compose/internal/merge"
	"souk/router/compose/internal/prove"
	"souk/router/compose/internal/schema"
)

// A Composer composes the same subgraphs again and again, as they change. Its results and
// errors are those of [Compose], but it is fast if few subgraphs have changed since the
// last call. It keeps what it knows of the subgraphs of the last call, and of the last
// composition that succeeded. It is safe for concurrent use. The zero Composer is ready
// for use.
//
// Subgraphs that have not changed are never read again. The rest is done only for what
// has changed if the subgraphs have the same names as in the last composition that
// succeeded, and the supergraph links the same specifications, with the same directives
// and root types. Checking that every field can be resolved takes the whole supergraph if
// it has progressive overrides, context arguments, mutations that several subgraphs
// resolve, or hints about runtime types. With a subgraph of Federation 1 or connectors,
// and where there are errors, everything is merged.
type Composer struct {
	mu   sync.Mutex
	read map[string]*reading // by subgraph
	last outcome
}

// An outcome is what a composition that succeeds leaves for the next one.
type outcome struct {
	merge *merge.Memory
	prove *prove.Memory
	texts texts
}

// Compose composes subgraphs into a supergraph, as the function [Compose] does.
func (c *Composer) Compose(ctx context.Context, subgraphs []Subgraph) (*Result, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	run := &composition{before: c.last, remember: true, recall: func(s Subgraph) *reading {
		if r := c.read[s.Name]; r != nil && r.url == s.URL && r.sdl == s.SDL {
			return r
		}
		return nil
	}}
	result, err := run.compose(ctx, subgraphs)
	if err == nil {
		c.last = run.outcome
	}
	c.keep(run.read)
	return result, err
}

// keep keeps the subgraphs that have been read, in place of those of the call before.
func (c *Composer) keep(read []*reading) {
	kept := make(map[string]*reading, len(read))
	for _, r := range read {
		if r == nil { // ctx was done
			return
		}
		kept[r.name] = r
	}
	if len(kept) > 0 {
		c.read = kept
	}
}

// texts are the types of a supergraph as they are printed.
type texts struct {
	of      map[*schema.Type]string
	byName  map[string]string
	literal map[*schema.Type]bool // those that show values of types that may change
}

func (t texts) text(of *schema.Type) string { return t.of[of] }

// print prints the types of a supergraph, except for those of the one before that it has
// taken over.
func (t texts) print(s *schema.Schema) texts {
	now := texts{make(map[*schema.Type]string, len(s.Types)), make(map[string]string, len(s.Types)), map[*schema.Type]bool{}}
	var print []*schema.Type
	for _, each := range s.Types {
		text, known := t.of[each]
		if !known || t.literal[each] {
			print = append(print, each)
			continue
		}
		now.of[each], now.byName[each.Name] = text, text
	}
	for i, text := range s.PrintTypes(print) {
		each := print[i]
		now.of[each], now.byName[each.Name] = text, text
		if s.WritesValues(each) {
			now.literal[each] = true
		}
	}
	return now
}
