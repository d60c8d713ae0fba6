package subgraph

import "souk/router/compose/internal/schema"

// externals are the fields that a subgraph does not resolve.
type externals struct {
	fake     map[*schema.Field]bool // @external keys of extensions, which are resolved
	provided map[*schema.Field]bool // resolved on some paths
	onType   map[*schema.Field]bool // external because their type is
}

func (s *Subgraph) externals() *externals {
	if s.external != nil {
		return s.external
	}
	e := &externals{fake: map[*schema.Field]bool{}, provided: map[*schema.Field]bool{}, onType: map[*schema.Field]bool{}}
	s.external = e
	for _, key := range s.Applications("key") {
		if key.Type == nil || key.Field != nil || key.Extension == nil && !s.Has(&key.Type.Node, "extends") {
			continue
		}
		for _, f := range s.targets(key.Type, key.Directive, false) {
			if s.Has(&f.Node, "external") {
				e.fake[f] = true
			}
		}
	}
	for _, provides := range s.Applications("provides") {
		if t := s.returned(provides.Field); t != nil {
			for _, f := range s.targets(t, provides.Directive, true) {
				e.provided[f] = true
			}
		}
	}
	if !s.Federation1() {
		for _, t := range s.Schema.Types {
			if t.Kind == schema.Object && s.Has(&t.Node, "external") {
				for _, f := range t.Fields {
					e.onType[f] = true
				}
			}
		}
	}
	return e
}

// returned returns the composite type of a field, or nil.
func (s *Subgraph) returned(f *schema.Field) *schema.Type {
	if f == nil {
		return nil
	}
	if t := s.Schema.Type(f.Type.Base()); t != nil && t.Composite() {
		return t
	}
	return nil
}

// IsExternal reports whether the subgraph does not resolve a field in general.
func (s *Subgraph) IsExternal(f *schema.Field) bool {
	e := s.externals()
	return (e.onType[f] || s.Has(&f.Node, "external")) && !e.fake[f]
}

// IsFullyExternal reports whether the subgraph resolves a field nowhere.
func (s *Subgraph) IsFullyExternal(f *schema.Field) bool {
	return s.IsExternal(f) && !s.externals().provided[f]
}

func (s *Subgraph) isPartiallyExternal(f *schema.Field) bool {
	return s.IsExternal(f) && s.externals().provided[f]
}

// IsShareable reports whether other subgraphs may resolve a field too.
func (s *Subgraph) IsShareable(f *schema.Field) bool {
	if s.shareable == nil {
		s.shareable = map[*schema.Field]bool{}
		for _, t := range s.Schema.Types {
			if t.Kind == schema.Object || t.Kind == schema.Interface {
				s.addShareable(t)
			}
		}
	}
	return s.shareable[f]
}

func (s *Subgraph) addShareable(t *schema.Type) {
	for _, key := range s.Of(&t.Node, "key") {
		for _, f := range s.targets(t, key, true) {
			s.shareable[f] = true
		}
	}
	if t.Kind != schema.Object {
		return
	}
	onType := s.Of(&t.Node, "shareable")
	for _, f := range t.Fields {
		if s.Has(&f.Node, "shareable") {
			s.shareable[f] = true
		}
		for _, d := range onType {
			if d.Extension == f.Extension {
				s.shareable[f] = true
			}
		}
		for _, provides := range s.Of(&f.Node, "provides") {
			if returned := s.returned(f); returned != nil {
				for _, target := range s.targets(returned, provides, true) {
					if s.IsExternal(target) {
						s.shareable[target] = true
					}
				}
			}
		}
	}
}

// IsUsed reports whether a field is used by a directive of Federation or
// implements a field of an interface.
func (s *Subgraph) IsUsed(f *schema.Field) bool {
	if s.used == nil {
		s.used = map[*schema.Field]bool{}
		s.collectUsed()
	}
	return s.used[f]
}

func (s *Subgraph) collectUsed() {
	use := func(fields []*schema.Field) {
		for _, f := range fields {
			s.used[f] = true
		}
	}
	for _, a := range s.Applications("key") {
		use(s.targets(a.Type, a.Directive, true))
	}
	for _, a := range s.Applications("requires") {
		if a.Field != nil {
			use(s.targets(a.Type, a.Directive, true))
		}
	}
	for _, a := range s.Applications("provides") {
		if t := s.returned(a.Field); t != nil {
			use(s.targets(t, a.Directive, true))
		}
	}
	contexts := map[string][]*schema.Type{}
	for _, a := range s.Applications("context") {
		contexts[a.Text("name")] = append(contexts[a.Text("name")], a.Type)
	}
	for _, a := range s.Applications("fromContext") {
		context, selection, ok := ParseContext(a.Text("field"))
		if !ok {
			continue
		}
		for _, t := range contexts[context] {
			if t != nil {
				use(s.targetsOf(t, selection, true))
			}
		}
	}
	for _, t := range s.Schema.Types {
		if t.Kind != schema.Interface {
			continue
		}
		for _, object := range s.Schema.Possible(t) {
			for _, f := range t.Fields {
				if implemented := object.Field(f.Name); implemented != nil {
					s.used[implemented] = true
				}
			}
		}
	}
}
