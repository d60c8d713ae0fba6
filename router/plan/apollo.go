package plan

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// PrintApollo writes a plan in the notation of Apollo's query planner:
//
//	QueryPlan {
//	  Sequence {
//	    Fetch(service: "products") {
//	      { topProducts { __typename upc } }
//	    },
//	    Flatten(path: "topProducts.@") {
//	      Fetch(service: "reviews") {
//	        { ... on Product { __typename upc } } =>
//	        { ... on Product { reviews { body } } }
//	      },
//	    },
//	  },
//	}
//
// The notation has nested sequences where a plan has a graph of dependencies, so
// it may show a fetch after one that it does not wait for. A request with
// several _entities fields is a BatchFetch, which Apollo's notation lacks.
func PrintApollo(w io.Writer, p *Plan) error {
	a := &apolloPrinter{plan: p}
	a.block("QueryPlan {", "}", func() {
		switch {
		case len(p.Fetches) == 0:
		case p.Fetches[0].Kind == SubscriptionFetch:
			a.block("Subscription {", "},", func() {
				a.block("Primary: {", "},", func() { a.fetch(p.Fetches[0]) })
				if len(p.Fetches) > 1 {
					a.block("Rest: {", "},", func() { a.payloads(p.Fetches[1:]) })
				}
			})
		default:
			a.payloads(p.Fetches)
		}
	})
	_, err := io.WriteString(w, a.out.String())
	return err
}

type apolloPrinter struct {
	plan  *Plan
	out   strings.Builder
	depth int
}

func (a *apolloPrinter) line(text string) {
	a.out.WriteString(strings.Repeat("  ", a.depth) + text + "\n")
}

func (a *apolloPrinter) block(open, closing string, inside func()) {
	a.line(open)
	a.depth++
	inside()
	a.depth--
	a.line(closing)
}

// payloads prints the fetches of the initial response and, if any is deferred,
// those of each deferred payload.
func (a *apolloPrinter) payloads(fetches []*Fetch) {
	if len(a.plan.Deferred) == 0 {
		a.nodes(fetches)
		return
	}
	of := func(id int) []*Fetch {
		return slices.DeleteFunc(slices.Clone(fetches), func(f *Fetch) bool { return f.DeferID != id })
	}
	a.block("Defer {", "},", func() {
		a.block("Primary {", "}, [", func() { a.payload(a.plan.Projection, 0, of(0)) })
		a.depth++
		for _, d := range a.plan.Deferred {
			a.deferred(d, of(d.ID))
		}
		a.depth--
		a.line("]")
	})
}

func (a *apolloPrinter) deferred(d *DeferredPayload, fetches []*Fetch) {
	var depends []string
	for _, f := range a.plan.Fetches {
		needed := func(g *Fetch) bool { return f.DeferID != d.ID && slices.Contains(g.DependsOn, f.ID) }
		if slices.ContainsFunc(fetches, needed) {
			depends = append(depends, strconv.Itoa(f.ID))
		}
	}
	head := fmt.Sprintf("Deferred(depends: [%s], path: %q", strings.Join(depends, ", "), strings.Join(d.Path, "."))
	if d.Label != "" {
		head += fmt.Sprintf(", label: %q", d.Label)
	}
	a.block(head+") {", "},", func() { a.payload(atResponsePath(a.plan.Projection, d.Path), d.ID, fetches) })
}

// atResponsePath returns the fields of the objects at a path of response keys:
// there may be several selections, for different types.
func atResponsePath(fields []*Field, path []string) []*Field {
	for _, key := range path {
		var below []*Field
		for _, f := range fields {
			if f.ResponseKey == key {
				below = append(below, f.Fields...)
			}
		}
		fields = below
	}
	return fields
}

// payload prints what a payload adds to the response, and its fetches.
func (a *apolloPrinter) payload(fields []*Field, id int, fetches []*Fetch) {
	before := a.out.Len()
	a.projection(fields, id)
	if len(fetches) == 0 || a.out.Len() == before {
		a.nodes(fetches)
		return
	}
	text := strings.TrimSuffix(a.out.String(), "\n")
	a.out.Reset()
	a.out.WriteString(text + ":\n")
	a.nodes(fetches)
}

// projection prints the fields that a payload delivers.
func (a *apolloPrinter) projection(fields []*Field, id int) {
	if !slices.ContainsFunc(fields, func(f *Field) bool { return f.deliveredIn(id) }) {
		return
	}
	a.block("{", "}", func() { a.projectionFields(fields, id) })
}

func (a *apolloPrinter) projectionFields(fields []*Field, id int) {
	for _, f := range fields {
		if !f.deliveredIn(id) {
			continue
		}
		a.onTypes(f.On, func() {
			if !slices.ContainsFunc(f.Fields, func(g *Field) bool { return g.deliveredIn(id) }) {
				a.line(f.ResponseKey)
			} else {
				a.block(f.ResponseKey+" {", "}", func() { a.projectionFields(f.Fields, id) })
			}
		})
	}
}

// deliveredIn reports whether a payload delivers the field, or one below it.
func (f *Field) deliveredIn(id int) bool {
	return f.DeferID == id || slices.ContainsFunc(f.Fields, func(g *Field) bool { return g.deliveredIn(id) })
}

// nodes prints fetches as a tree. Fetches that have nothing to do with each
// other are parallel. Of others, those that wait for no other come first, in
// parallel, and then the rest, as a sequence.
func (a *apolloPrinter) nodes(fetches []*Fetch) {
	switch groups := independent(fetches); {
	case len(fetches) == 0:
	case len(fetches) == 1:
		a.fetch(fetches[0])
	case len(groups) > 1:
		a.block("Parallel {", "},", func() {
			for _, g := range groups {
				a.nodes(g)
			}
		})
	default:
		a.block("Sequence {", "},", func() {
			for len(fetches) > 0 {
				ready, rest := ready(fetches)
				a.nodes(ready)
				if fetches = rest; len(independent(rest)) > 1 {
					a.nodes(rest)
					break
				}
			}
		})
	}
}

// independent divides fetches into groups without dependencies between them.
func independent(fetches []*Fetch) [][]*Fetch {
	var groups [][]*Fetch
	for _, f := range fetches {
		joined := []*Fetch{f}
		groups = slices.DeleteFunc(groups, func(g []*Fetch) bool {
			if !slices.ContainsFunc(g, func(before *Fetch) bool { return slices.Contains(f.DependsOn, before.ID) }) {
				return false
			}
			joined = append(slices.Clone(g), joined...)
			return true
		})
		slices.SortFunc(joined, func(a, b *Fetch) int { return a.ID - b.ID })
		groups = append(groups, joined)
	}
	slices.SortFunc(groups, func(a, b []*Fetch) int { return a[0].ID - b[0].ID })
	return groups
}

// ready divides fetches into those that depend on none of the others, at least
// one, and the rest.
func ready(fetches []*Fetch) (ready, rest []*Fetch) {
	for i, f := range fetches {
		waits := func(other *Fetch) bool { return other != f && slices.Contains(f.DependsOn, other.ID) }
		if i > 0 && slices.ContainsFunc(fetches, waits) {
			rest = append(rest, f)
		} else {
			ready = append(ready, f)
		}
	}
	return ready, rest
}

func (a *apolloPrinter) fetch(f *Fetch) {
	head := fmt.Sprintf("(service: %q", f.Subgraph)
	if f.FallbackFor != nil {
		head += fmt.Sprintf(", fallbackFor: %d", *f.FallbackFor)
	}
	if len(a.plan.Deferred) > 0 || a.isBackedUp(f) {
		head += fmt.Sprintf(", id: %d", f.ID)
	}
	head += ") {"
	var targets int
	for _, e := range f.Entities {
		targets += len(e.Targets)
	}
	switch {
	case targets > 1:
		a.block("BatchFetch"+head, "},", func() {
			for _, e := range f.Entities {
				for _, t := range e.Targets {
					a.flatten(t.Path, func() { a.entities(e, t) })
				}
			}
		})
	case targets == 1:
		e := f.Entities[0]
		for _, e = range f.Entities { // the one that has the target
			if len(e.Targets) == 1 {
				break
			}
		}
		a.flatten(e.Targets[0].Path, func() {
			a.block("Fetch"+head, "},", func() { a.entities(e, e.Targets[0]) })
		})
	default:
		a.flatten(f.Path, func() {
			a.block("Fetch"+head, "},", func() { a.block("{", "}", func() { a.selections(f.Selections) }) })
		})
	}
}

func (a *apolloPrinter) isBackedUp(f *Fetch) bool {
	return slices.ContainsFunc(a.plan.Fetches, func(g *Fetch) bool { return g.FallbackFor != nil && *g.FallbackFor == f.ID })
}

// flatten prints the path to where a response is merged, unless that is the
// root.
func (a *apolloPrinter) flatten(path []Segment, inside func()) {
	if len(path) == 0 {
		inside()
		return
	}
	a.block(fmt.Sprintf("Flatten(path: %q) {", a.path(path)), "},", inside)
}

// path prints a path with an @ for each list that the client's selection shows,
// and |[Book] for types that it is restricted to.
func (a *apolloPrinter) path(path []Segment) string {
	var elements []string
	fields := a.plan.Projection
	for _, s := range path {
		element := s.StorageKey
		i := slices.IndexFunc(fields, func(f *Field) bool { return f.StorageKey == s.StorageKey && f.Source == Stored })
		if i >= 0 {
			element += strings.Repeat(".@", strings.Count(fields[i].Type, "["))
			fields = fields[i].Fields
		} else {
			fields = nil
		}
		if s.Types != nil {
			element += "|[" + strings.Join(s.Types, ", ") + "]"
		}
		elements = append(elements, element)
	}
	return strings.Join(elements, ".")
}

// entities prints the representations that are sent, and what is selected.
func (a *apolloPrinter) entities(e *EntityFetch, t Target) {
	a.block("{", "} =>", func() {
		for _, r := range t.Representations {
			on := r.On
			if on == nil {
				on = []string{r.Typename}
			}
			a.onTypes(on, func() {
				a.line("__typename")
				a.representation(r.Fields)
			})
		}
	})
	a.block("{", "}", func() { a.selections(e.Selections) })
}

func (a *apolloPrinter) representation(fields []RepresentationField) {
	for _, f := range fields {
		a.onTypes(f.On, func() {
			if f.Fields == nil {
				a.line(f.Name)
			} else {
				a.block(f.Name+" {", "}", func() { a.representation(f.Fields) })
			}
		})
	}
}

// onTypes prints something for each of the types, or once if they are nil.
func (a *apolloPrinter) onTypes(types []string, inside func()) {
	if types == nil {
		inside()
	}
	for _, name := range types {
		a.block("... on "+name+" {", "}", inside)
	}
}

func (a *apolloPrinter) selections(selections Selections) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *SelectedField:
			leaf := *sel
			leaf.Selections = nil
			text := strings.Replace(string(leaf.print(nil, nil)), sel.ResponseKey+":"+sel.Name, sel.ResponseKey+": "+sel.Name, 1)
			if sel.Selections == nil {
				a.line(text)
				continue
			}
			a.block(text+" {", "}", func() { a.selections(sel.Selections) })
		case *InlineFragment:
			head := "... {"
			if sel.On != "" {
				head = "... on " + sel.On + " {"
			}
			a.block(head, "}", func() { a.selections(sel.Selections) })
		}
	}
}
