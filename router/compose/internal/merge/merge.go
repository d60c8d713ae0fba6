package merge

import (
	"fmt"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// Merge merges Federation 2 subgraphs, sorted by name, into a supergraph. Hints are
// only complete if there are no errors.
func Merge(subgraphs []*subgraph.Subgraph) (*schema.Schema, []*report.Hint, []*report.Error) {
	m := &merger{
		subgraphs: subgraphs,
		super:     schema.New(),
		removed:   map[*schema.Node]bool{},
		merged:    map[string]*mergedDirective{},
		joined:    map[string]bool{},
		enums:     map[string]*enumUse{},
	}
	for _, s := range subgraphs {
		m.names = append(m.names, s.Name)
	}
	for _, stage := range []func(){m.prepare, m.addComposedFeatures, m.mergeAll, m.validate, m.validateAPI} {
		if stage(); len(m.errors) > 0 {
			return nil, nil, m.errors
		}
	}
	return m.super, m.hints, nil
}

// A merger merges subgraphs.
type merger struct {
	subgraphs []*subgraph.Subgraph
	names     []string // of the subgraphs
	graphs    []string // of the subgraphs in the enum join__Graph
	super     *schema.Schema
	errors    []*report.Error
	hints     []*report.Hint

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
}

func (m *merger) errorf(code string, at []report.Location, format string, args ...any) {
	m.errors = append(m.errors, &report.Error{Code: code, Message: fmt.Sprintf(format, args...), Locations: at})
}

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
	m.collectFields()
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
			m.mergeImplements(t)
		}
	}
	m.super.Changed()
	for _, t := range byKind[schema.Union] {
		m.mergeType(t)
	}
	m.mergeSchema()
	for _, kind := range []schema.Kind{schema.Scalar, schema.Input, schema.Interface, schema.Object} {
		for _, t := range byKind[kind] {
			m.mergeType(t)
		}
	}
	m.mergeDirectives()
	for _, t := range byKind[schema.Enum] { // last, because their use counts
		m.mergeType(t)
	}
	if m.super.Roots[schema.Query] == "" {
		m.errorf("NO_QUERIES", nil, "No subgraph has a query; a supergraph needs at least one.")
	}
	m.mergeApplied()
	m.addInterfaceObjectFields()
}
