package merge

import (
	"fmt"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// A Result is the result of a merge that succeeds.
type Result struct {
	Super  *schema.Schema
	Hints  []*report.Hint
	Memory *Memory
}

// Merge merges Federation 2 subgraphs, sorted by name, into a supergraph. before is the
// memory of another merge, or nil: it makes the merge faster, with the same result.
func Merge(subgraphs []*subgraph.Subgraph, before *Memory) (*Result, []*report.Error) {
	if before != nil {
		if m := newMerger(subgraphs); m.run(before) && len(m.errors) == 0 {
			return m.result(), nil
		}
	}
	m := newMerger(subgraphs)
	m.run(nil)
	if len(m.errors) > 0 {
		return nil, m.errors
	}
	return m.result(), nil
}

func newMerger(subgraphs []*subgraph.Subgraph) *merger {
	m := &merger{
		subgraphs: subgraphs,
		super:     schema.New(),
		removed:   map[*schema.Node]bool{},
		merged:    map[string]*mergedDirective{},
		joined:    map[string]bool{},
		enums:     map[string]*enumUse{},
		bareJoins: map[string][]*schema.Directive{},
		memory:    &Memory{subgraphs: subgraphs, types: map[string]*merging{}},
	}
	for _, s := range subgraphs {
		m.names = append(m.names, s.Name)
	}
	return m
}

// run merges until there are errors. It returns false if the memory of the merge before
// cannot be used.
func (m *merger) run(before *Memory) bool {
	recall := func() { m.recall(before) }
	for _, stage := range []func(){m.prepare, m.addComposedFeatures, recall, m.mergeAll, m.validate, m.validateAPI} {
		if stage(); m.useless || len(m.errors) > 0 {
			break
		}
	}
	return !m.useless
}

func (m *merger) result() *Result { return &Result{m.super, m.hints, m.memory} }

// A merger merges subgraphs.
type merger struct {
	subgraphs   []*subgraph.Subgraph
	names       []string                       // of the subgraphs
	graphs      []string                       // of the subgraphs in the enum join__Graph
	graphValues []*schema.Value                // of the enum
	bareJoins   map[string][]*schema.Directive // join directives without more arguments, by subgraph
	super       *schema.Schema
	errors      []*report.Error
	hints       []*report.Hint

	version          subgraph.Version // of Federation
	features         []*subgraph.Feature
	composed         *composed                   // by @composeDirective
	aliases          *aliases                    // of features in the supergraph
	merged           map[string]*mergedDirective // directives of specifications, by name
	joined           map[string]bool             // directives that become @join__directive
	inaccessible     string                      // name of @inaccessible in the supergraph
	authorization    []authorization
	overridden       map[string]bool  // coordinates of fields with @override
	required         []string         // coordinates of fields with @requires
	contextual       []string         // coordinates of fields with @fromContext
	interfaceObjects map[string][]int // interface → subgraphs with an interface object for it
	extra            map[elementDirective][]*schema.Node
	recorded         []recorded
	byName           map[string]sources[*schema.Type] // all types of subgraphs
	removed          map[*schema.Node]bool            // elements of super that were removed
	enums            map[string]*enumUse

	memory *Memory
	// recalled returns a type that need not be merged again, or nil. It may be nil itself.
	recalled func(schema.Kind, string) *merging
	reused   map[*schema.Type]*merging // those that are part of super
	current  *merging                  // of the type that is being merged
	useless  bool                      // the memory of the merge before cannot be used
}

func (m *merger) errorf(code string, at []report.Location, format string, args ...any) {
	m.errors = append(m.errors, &report.Error{Code: code, Message: fmt.Sprintf(format, args...), Locations: at})
}

// suggest sets what to do about the last error, where the suggestion for its code does not fit.
func (m *merger) suggest(suggestion string) { m.errors[len(m.errors)-1].Suggestion = suggestion }

func (m *merger) hint(code string, element *schema.Node, at []report.Location, format string, args ...any) {
	h := &report.Hint{Code: code, Message: fmt.Sprintf(format, args...), Locations: at}
	if element != nil && !element.IsSchema() {
		h.Coordinate = element.Coordinate()
	}
	m.hints = append(m.hints, h)
}

// at returns the location of a position in a subgraph.
func (m *merger) at(graph int, p schema.Position) report.Location {
	return report.Location{Subgraph: m.names[graph], Line: p.Line, Column: p.Column}
}

// mergeAll merges all types and directives.
func (m *merger) mergeAll() {
	m.addTypes()
	m.addDirectives()
	var byKind [schema.Input + 1][]*schema.Type
	for _, t := range m.super.Types {
		if !m.isMachinery(t.Name) {
			byKind[t.Kind] = append(byKind[t.Kind], t)
		}
	}
	// Interfaces and unions come first, because they tell which types are subtypes.
	for _, kind := range []schema.Kind{schema.Object, schema.Interface} {
		for _, t := range byKind[kind] {
			if m.reused[t] == nil {
				m.mergeImplements(t)
			}
		}
	}
	m.super.Changed()
	for _, t := range byKind[schema.Union] {
		m.mergeType(t)
	}
	m.mergeSchema()
	if m.checkRoots(); m.useless {
		return
	}
	for _, kind := range []schema.Kind{schema.Scalar, schema.Input, schema.Interface, schema.Object} {
		for _, t := range byKind[kind] {
			m.mergeType(t)
		}
	}
	m.mergeDirectives()
	if m.checkDirectives(); m.useless {
		return
	}
	for _, t := range byKind[schema.Enum] { // last, because their use counts
		m.mergeType(t)
	}
	if m.super.Roots[schema.Query] == "" {
		m.errorf("NO_QUERIES", nil, "No subgraph has a query; a supergraph needs at least one.")
	}
	m.mergeApplied()
	m.addInterfaceObjectFields()
}
