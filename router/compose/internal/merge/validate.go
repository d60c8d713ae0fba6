package merge

import (
	"errors"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// validate checks what only the whole supergraph shows.
func (m *merger) validate() {
	m.checkInterfaceFields()
	m.checkRequires()
	m.checkAuthorization()
	if len(m.errors) == 0 {
		m.checkGraphQL()
	}
}

// checkInterfaceFields checks that objects have the fields of their interfaces.
func (m *merger) checkInterfaceFields() {
	for _, t := range m.super.Types {
		for _, r := range t.Interfaces {
			for _, f := range m.super.Type(r.Name).Fields {
				if t.Field(f.Name) == nil {
					m.missingField(t, f)
				}
			}
		}
	}
}

func (m *merger) missingField(t *schema.Type, f *schema.Field) {
	var with, implementing []string
	var at []report.Location
	for graph, s := range m.subgraphs {
		if i := s.Schema.Own(f.Parent.Name); i != nil && i.Kind == schema.Interface && i.Field(f.Name) != nil {
			with = append(with, s.Name)
			at = append(at, m.at(graph, i.Field(f.Name).Position))
		}
	}
	for graph, s := range m.subgraphs {
		if own := s.Schema.Own(t.Name); own != nil && own.Implements(f.Parent.Name) {
			implementing = append(implementing, s.Name)
			at = append(at, m.at(graph, own.Position))
		}
	}
	m.errorf("INTERFACE_FIELD_NO_IMPLEM", at, "Type %q implements %q in %s, but does not have the field %q, which the interface has in %s.",
		t.Name, f.Parent.Name, report.Subgraphs(implementing), f.Name, report.Subgraphs(with))
}

// checkRequires checks that other subgraphs can be asked for required fields, whose
// arguments they may know differently.
func (m *merger) checkRequires() {
	for graph, s := range m.subgraphs {
		for _, a := range s.Applications("requires") {
			set, err := s.Selection(a.Text("fields"))
			if err != nil {
				continue
			}
			err = subgraph.Walk(m.super, m.super.Type(a.Type.Name), set, true, func(*schema.Type, *schema.Field) error { return nil })
			var unknown subgraph.UnknownArgument
			var missing subgraph.MissingArgument
			switch {
			case errors.As(err, &unknown):
				m.requiresError(graph, a, unknown.Field, "it gives the argument "+unknown.Argument+" of field "+unknown.Field+", which is not defined in",
					func(f *schema.Field) bool { return f.Argument(unknown.Argument) == nil })
			case errors.As(err, &missing):
				m.requiresError(graph, a, missing.Field, "it does not give the argument "+missing.Argument+" of field "+missing.Field+", which is required in",
					func(f *schema.Field) bool {
						argument := f.Argument(missing.Argument)
						return argument != nil && argument.Required()
					})
			}
		}
	}
}

func (m *merger) requiresError(graph int, a subgraph.Application, coordinate, problem string, differs func(*schema.Field) bool) {
	at := []report.Location{m.at(graph, a.Position)}
	var names []string
	for other, s := range m.subgraphs {
		if f := fieldAt(s.Schema, coordinate); other != graph && f != nil && differs(f) {
			names = append(names, s.Name)
			at = append(at, m.at(other, f.Position))
		}
	}
	m.errorf("REQUIRES_INVALID_FIELDS", at, "@%s on field %q in subgraph %q: %s %s.", a.Name, a.Field.Coordinate(), m.names[graph], problem, report.Subgraphs(names))
}

// checkGraphQL checks that the supergraph is valid GraphQL where merging valid
// subgraphs does not ensure that.
func (m *merger) checkGraphQL() {
	for _, t := range m.super.Types {
		for _, r := range t.Interfaces {
			i := m.super.Type(r.Name)
			for _, of := range i.Interfaces {
				if !t.Implements(of.Name) {
					m.invalid(t, "Type %q must implement %q, because it implements %q.", t.Name, of.Name, i.Name)
				}
			}
			for _, f := range i.Fields {
				m.checkImplementation(t, t.Field(f.Name), f)
			}
		}
	}
	m.checkDefaults()
}

func (m *merger) invalid(t *schema.Type, format string, args ...any) {
	m.errorf("INVALID_GRAPHQL", locations(m, m.everywhere(t.Name)), "After merging: "+format, args...)
}

func (m *merger) checkImplementation(t *schema.Type, f, expected *schema.Field) {
	if !expected.Type.Subtype(f.Type, m.direct) {
		m.invalid(t, "Field %q must have type %s or a subtype, as %q has, not %s.", f.Coordinate(), expected.Type, expected.Coordinate(), f.Type)
	}
	for _, a := range expected.Arguments {
		switch own := f.Argument(a.Name); {
		case own == nil:
			m.invalid(t, "Field %q must have the argument %q.", f.Coordinate(), a.Coordinate())
		case !own.Type.Same(a.Type):
			m.invalid(t, "The argument %q must have type %s, as %q has, not %s.", own.Coordinate(), a.Type, a.Coordinate(), own.Type)
		}
	}
	for _, a := range f.Arguments {
		if a.Required() && expected.Argument(a.Name) == nil {
			m.invalid(t, "The argument %q is required, but %q does not have it.", a.Coordinate(), expected.Coordinate())
		}
	}
}

// checkDefaults checks default values, whose types are merged too.
func (m *merger) checkDefaults() {
	check := func(t *schema.Type, f *schema.Field) {
		if f.Default != nil && !subgraph.ValidValue(f.Default, f.Type, m.super) {
			m.invalid(t, "The default value %s of %q does not have the type %s.", f.Default.Print(f.Type, m.super), f.Coordinate(), f.Type)
		}
	}
	for _, t := range m.super.Types {
		if m.isMachinery(t.Name) {
			continue
		}
		for _, f := range t.Fields {
			check(t, f)
			for _, a := range f.Arguments {
				check(t, a)
			}
		}
	}
}
