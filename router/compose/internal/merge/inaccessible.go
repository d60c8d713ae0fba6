package merge

import (
	"iter"
	"slices"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
	"souk/router/compose/internal/subgraph"
)

// validateAPI checks that the schema without inaccessible elements is valid.
func (m *merger) validateAPI() {
	h := &hidden{merger: m, uses: map[string][]*schema.Field{}, features: map[string]bool{}, implementing: map[string][]*schema.Type{}}
	h.collect()
	h.checkFeatures()
	if m.inaccessible == "" || len(m.errors) > 0 {
		return
	}
	for _, t := range m.super.Types {
		h.typ(t)
	}
	for _, d := range m.super.Directives {
		h.directive(d)
	}
}

// hidden checks uses of @inaccessible.
type hidden struct {
	*merger
	uses         map[string][]*schema.Field // type that clients do not see → fields and arguments that have it
	features     map[string]bool            // types of linked specifications
	implementing map[string][]*schema.Type
	defaults     map[string][]*schema.Field // coordinate of an input field or enum value → elements whose default value uses it
}

func (h *hidden) is(n *schema.Node) bool { return n.Has(h.inaccessible) }

// visible reports whether an element and those that contain it are accessible.
func (h *hidden) visible(n *schema.Node) bool {
	for ; n != nil; n = n.Owner {
		if h.is(n) {
			return false
		}
	}
	return true
}

func (h *hidden) collect() {
	h.defaults = map[string][]*schema.Field{}
	for _, t := range h.super.Types {
		h.features[t.Name] = h.isFeatureElement(t.Name, false)
		if h.features[t.Name] || h.is(&t.Node) {
			h.uses[t.Name] = nil
		}
	}
	use := func(f *schema.Field) {
		name := f.Type.Base()
		if uses, counts := h.uses[name]; counts {
			h.uses[name] = append(uses, f)
		}
	}
	input := func(f *schema.Field) {
		use(f)
		h.defaultUses(f, f.Default, f.Type)
	}
	for _, t := range h.super.Types {
		for _, r := range t.Interfaces {
			h.implementing[r.Name] = append(h.implementing[r.Name], t)
		}
		for _, f := range t.Fields {
			if t.Kind == schema.Input {
				input(f)
				continue
			}
			use(f)
			for _, a := range f.Arguments {
				input(a)
			}
		}
	}
	for _, d := range h.super.Directives {
		for _, a := range d.Arguments {
			input(a)
		}
	}
}

// checkFeatures checks that no element of the API schema refers to the types of linked
// specifications, which are not part of it.
func (h *hidden) checkFeatures() {
	for _, t := range h.super.Types {
		if !h.features[t.Name] {
			continue
		}
		for _, f := range h.uses[t.Name] {
			owner := f.Owner
			for owner.Owner != nil {
				owner = owner.Owner
			}
			directive := strings.HasPrefix(owner.Coordinate(), "@")
			if !h.isFeatureElement(owner.Name, directive) && h.visible(&f.Node) {
				h.errorf("REFERENCED_INACCESSIBLE", h.where(nil, f.Coordinate()), "%q has the type %q, which belongs to a specification that the supergraph links and is not part of its API.", f.Coordinate(), t.Name)
			}
		}
	}
}

// defaultUses records the input fields and enum values in a default value.
func (h *hidden) defaultUses(of *schema.Field, v *schema.Value, ref *schema.Ref) {
	if v.IsNull() {
		return
	}
	if v.Kind == schema.ListValue || ref.IsList() {
		items := v.List
		if v.Kind != schema.ListValue {
			items = []*schema.Value{v}
		}
		for _, item := range items {
			if ref.IsList() {
				h.defaultUses(of, item, ref.Of)
			}
		}
		return
	}
	t := h.super.Type(ref.Name)
	switch {
	case t == nil:
	case t.Kind == schema.Enum && v.IsText():
		key := t.Name + "." + v.Raw
		h.defaults[key] = append(h.defaults[key], of)
	case t.Kind == schema.Input && v.Kind == schema.ObjectValue:
		for _, a := range v.Object {
			if f := t.Field(a.Name); f != nil {
				h.defaults[f.Coordinate()] = append(h.defaults[f.Coordinate()], of)
				h.defaultUses(of, a.Value, f.Type)
			}
		}
	}
}

// whereInaccessible returns where subgraphs apply @inaccessible to elements, and
// where they define others that refer to them.
func (h *hidden) where(inaccessible []string, others ...string) []report.Location {
	var at []report.Location
	for graph, s := range h.subgraphs {
		for _, coordinate := range inaccessible {
			if n := nodeAt(s.Schema, coordinate); n != nil && s.Has(n, "inaccessible") {
				at = append(at, h.at(graph, n.Position))
			}
		}
		for _, coordinate := range others {
			if n := nodeAt(s.Schema, coordinate); n != nil {
				at = append(at, h.at(graph, n.Position))
			}
		}
	}
	return at
}

func (h *hidden) typ(t *schema.Type) {
	switch {
	case schema.BuiltIn(t.Name) || h.features[t.Name]:
		if below := h.below(t); len(below) > 0 {
			h.errorf("DISALLOWED_INACCESSIBLE", h.where(below, t.Name), "@inaccessible cannot be applied in type %q, which GraphQL or a specification defines.", t.Name)
		}
	case h.is(&t.Node):
		h.hiddenType(t)
	case t.Kind == schema.Scalar:
	default:
		h.onlyHidden(t)
		h.members(t)
	}
}

func (h *hidden) isFeatureElement(name string, directive bool) bool {
	if h.isMachinery(name) || name == "link" {
		return true
	}
	return slices.ContainsFunc(h.merger.features, func(f *subgraph.Feature) bool { return f.Owns(name, directive) })
}

// below returns the inaccessible elements of a type.
func (h *hidden) below(t *schema.Type) []string {
	var all []string
	add := func(n *schema.Node) {
		if h.is(n) {
			all = append(all, n.Coordinate())
		}
	}
	add(&t.Node)
	for _, f := range t.Fields {
		add(&f.Node)
		for _, a := range f.Arguments {
			add(&a.Node)
		}
	}
	for _, v := range t.Values {
		add(&v.Node)
	}
	return all
}

func (h *hidden) hiddenType(t *schema.Type) {
	for _, f := range h.uses[t.Name] {
		if h.visible(&f.Node) {
			h.errorf("REFERENCED_INACCESSIBLE", h.where([]string{t.Name}, f.Coordinate()), "Type %q is @inaccessible, but %q, which is accessible, has this type.", t.Name, f.Coordinate())
		}
	}
	if h.super.Roots[schema.Query] == t.Name {
		h.errorf("QUERY_ROOT_TYPE_INACCESSIBLE", h.where([]string{t.Name}), "The root type %q of queries cannot be @inaccessible.", t.Name)
	}
}

// onlyHidden reports an accessible type without accessible members.
func (h *hidden) onlyHidden(t *schema.Type) {
	var coordinates []string
	for n := range h.parts(t) {
		if !h.is(n) {
			return
		}
		coordinates = append(coordinates, n.Coordinate())
	}
	what := map[schema.Kind]string{schema.Union: "members", schema.Enum: "values"}[t.Kind]
	if what == "" {
		what = "fields"
	}
	h.errorf("ONLY_INACCESSIBLE_CHILDREN", h.where(coordinates, t.Name), "Type %q is accessible, but all its %s are @inaccessible.", t.Name, what)
}

// parts returns the members, values or fields of a type.
func (h *hidden) parts(t *schema.Type) iter.Seq[*schema.Node] {
	return func(yield func(*schema.Node) bool) {
		for _, r := range t.Members {
			if !yield(&h.super.Type(r.Name).Node) {
				return
			}
		}
		for _, v := range t.Values {
			if !yield(&v.Node) {
				return
			}
		}
		for _, f := range t.Fields {
			if !yield(&f.Node) {
				return
			}
		}
	}
}

// members checks the members of an accessible type.
func (h *hidden) members(t *schema.Type) {
	for _, v := range t.Values {
		if h.is(&v.Node) {
			h.usedAsDefault(&v.Node, "Enum value")
		}
	}
	for _, f := range t.Fields {
		switch {
		case t.Kind == schema.Input && h.is(&f.Node):
			if f.Required() {
				h.errorf("REQUIRED_INACCESSIBLE", h.where([]string{f.Coordinate()}), "Input field %q is @inaccessible, but required.", f.Coordinate())
			}
			h.usedAsDefault(&f.Node, "Input field")
		case t.Kind == schema.Input:
		case h.is(&f.Node):
			for _, r := range t.Interfaces {
				if of := h.super.Type(r.Name).Field(f.Name); of != nil && h.visible(&of.Node) {
					h.errorf("IMPLEMENTED_BY_INACCESSIBLE", h.where([]string{f.Coordinate()}, of.Coordinate()), "Field %q is @inaccessible, but implements %q, which is accessible.", f.Coordinate(), of.Coordinate())
				}
			}
		default:
			for _, a := range f.Arguments {
				if h.is(&a.Node) {
					h.argument(t, f, a)
				}
			}
		}
	}
}

func (h *hidden) usedAsDefault(n *schema.Node, what string) {
	for _, f := range h.defaults[n.Coordinate()] {
		if h.visible(&f.Node) {
			h.errorf("DEFAULT_VALUE_USES_INACCESSIBLE", h.where([]string{n.Coordinate()}, f.Coordinate()), "%s %q is @inaccessible, but the default value of %q, which is accessible, uses it.", what, n.Coordinate(), f.Coordinate())
		}
	}
}

// argument checks an inaccessible argument of an accessible field.
func (h *hidden) argument(t *schema.Type, f, a *schema.Field) {
	if a.Required() {
		h.errorf("REQUIRED_INACCESSIBLE", h.where([]string{a.Coordinate()}), "Argument %q is @inaccessible, but required.", a.Coordinate())
	}
	for _, implementing := range h.implementing[t.Name] {
		if own := implementing.Field(f.Name); own != nil {
			if argument := own.Argument(a.Name); argument != nil && argument.Required() && h.visible(&argument.Node) {
				h.errorf("REQUIRED_INACCESSIBLE", h.where([]string{a.Coordinate()}, argument.Coordinate()), "Argument %q is @inaccessible, but is implemented by %q, which is required and accessible.", a.Coordinate(), argument.Coordinate())
			}
		}
	}
	for _, r := range t.Interfaces {
		of := h.super.Type(r.Name).Field(f.Name)
		if of == nil {
			continue
		}
		if argument := of.Argument(a.Name); argument != nil && h.visible(&argument.Node) {
			h.errorf("IMPLEMENTED_BY_INACCESSIBLE", h.where([]string{a.Coordinate()}, argument.Coordinate()), "Argument %q is @inaccessible, but implements %q, which is accessible.", a.Coordinate(), argument.Coordinate())
		}
	}
}

func (h *hidden) directive(d *schema.Definition) {
	executable := len(d.Executable()) == len(d.Locations) && !h.isFeatureElement(d.Name, true)
	for _, a := range d.Arguments {
		switch {
		case !h.is(&a.Node):
		case !executable:
			h.errorf("DISALLOWED_INACCESSIBLE", h.where([]string{a.Coordinate()}), "@inaccessible cannot be applied to an argument of @%s, which may be applied in schemas.", d.Name)
		case a.Required():
			h.errorf("REQUIRED_INACCESSIBLE", h.where([]string{a.Coordinate()}), "Argument %q is @inaccessible, but required.", a.Coordinate())
		}
	}
}
