package subgraph

import "souk/router/compose/internal/schema"

// nameDirectives records the names of the directives of Federation.
func (s *Subgraph) nameDirectives() {
	s.names = map[string]string{}
	f := s.Links.Find(federationIdentity)
	if f == nil {
		for _, d := range federation1Directives(tagSpec(2)) {
			s.names[d.Name] = d.Name
		}
		return
	}
	s.version = f.URL.Version
	for _, d := range KnownSpec(f.URL).directives {
		s.names[d.Name] = f.DirectiveName(d.Name)
	}
}

// DirectiveName returns the name that a directive of Federation has in the subgraph,
// or "" if its version of Federation does not have the directive.
func (s *Subgraph) DirectiveName(name string) string { return s.names[name] }

// Has reports whether a directive of Federation is applied to an element.
func (s *Subgraph) Has(n *schema.Node, directive string) bool { return s.First(n, directive) != nil }

// First returns the first application of a directive of Federation, or nil.
func (s *Subgraph) First(n *schema.Node, directive string) *schema.Directive {
	if len(n.Applied) == 0 {
		return nil
	}
	return n.First(s.names[directive])
}

// Of returns the applications of a directive of Federation to an element.
func (s *Subgraph) Of(n *schema.Node, directive string) []*schema.Directive {
	if len(n.Applied) == 0 {
		return nil
	}
	return n.Of(s.names[directive])
}

// IsInterfaceObject reports whether a type stands for an interface.
func (s *Subgraph) IsInterfaceObject(t *schema.Type) bool {
	return t.Kind == schema.Object && s.Has(&t.Node, "interfaceObject")
}

// FederationVersion returns the version that the subgraph needs, and the feature
// because of which it is newer than the one it links, if any.
func (s *Subgraph) FederationVersion() (version Version, because *Feature) {
	version = s.version
	var implied Version
	for _, f := range s.Links.Features {
		if spec := KnownSpec(f.URL); spec != nil && spec.MinVersion.Compare(implied) > 0 {
			implied, because = spec.MinVersion, f
		}
	}
	if !implied.Satisfies(version) || version.Compare(implied) >= 0 {
		return version, nil
	}
	return implied, because
}

// LinkedVersion returns the version of Federation that the subgraph links.
func (s *Subgraph) LinkedVersion() Version { return s.version }

// An Application is an application of a directive with the element it is applied to.
type Application struct {
	*schema.Directive
	Type     *schema.Type  // to a type or one of its members
	Field    *schema.Field // to a field or one of its arguments
	Argument *schema.Field // to an argument of a field or directive
	Node     *schema.Node  // the element itself
}

// Applications returns the applications of a directive of Federation.
func (s *Subgraph) Applications(directive string) []Application {
	return s.AllApplications(s.names[directive])
}

// AllApplications returns the applications of a directive by its name.
func (s *Subgraph) AllApplications(name string) []Application {
	if s.applications == nil {
		s.applications = map[string][]Application{}
		s.eachApplication(func(a Application) { s.applications[a.Name] = append(s.applications[a.Name], a) })
	}
	return s.applications[name]
}

func (s *Subgraph) eachApplication(visit func(Application)) {
	each := func(n *schema.Node, a Application) {
		for _, d := range n.Applied {
			a.Directive, a.Node = d, n
			visit(a)
		}
	}
	each(&s.Schema.Node, Application{})
	for _, d := range s.Schema.Directives {
		for _, argument := range d.Arguments {
			each(&argument.Node, Application{Argument: argument})
		}
	}
	for _, t := range s.Schema.Types {
		for _, f := range t.Fields {
			for _, argument := range f.Arguments {
				each(&argument.Node, Application{Type: t, Field: f, Argument: argument})
			}
			each(&f.Node, Application{Type: t, Field: f})
		}
		for _, v := range t.Values {
			each(&v.Node, Application{Type: t})
		}
		each(&t.Node, Application{Type: t})
	}
}

// changed forgets what was computed from the schema.
func (s *Subgraph) changed() {
	s.applications, s.external, s.shareable, s.used = nil, nil, nil, nil
	s.Schema.Changed()
}
