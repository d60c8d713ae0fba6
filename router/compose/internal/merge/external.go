package merge

import (
	"fmt"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// checkExternal checks that the external definitions of a field fit the others.
func (m *merger) checkExternal(f mergedField, equal bool) {
	wrongType := false
	missing, types, defaults := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, each := range f.sources.here() {
		if !m.subgraphs[each.graph].IsExternal(each.at) {
			continue
		}
		wrongType = wrongType || !f.Type.Same(each.at.Type) && (equal || !f.Type.StrictSubtype(each.at.Type, m.direct))
		for _, a := range f.Arguments {
			own := each.at.Argument(a.Name)
			if own == nil {
				missing[a.Name] = true
				continue
			}
			if !own.Type.Subtype(a.Type, m.direct) {
				types[a.Name] = true
			}
			if !a.Default.Equal(own.Default) {
				defaults[a.Name] = true
			}
		}
	}
	typeOf := func(f *schema.Field) string { return fmt.Sprintf("type %q", f.Type) }
	if wrongType {
		mismatchError(m, "EXTERNAL_TYPE_MISMATCH", fmt.Sprintf("The type of field %q where it is @external does not fit. It has", f.Coordinate()), typeOf(f.Field),
			spread[*schema.Field]{elements: f.sources, value: typeOf})
	}
	for _, a := range f.Arguments {
		list := through(f.sources.here(), argumentOf(a.Name))
		if missing[a.Name] {
			without := graphNames(m, list, func(s source[*schema.Field]) bool { return s.at == nil })
			m.errorf("EXTERNAL_ARGUMENT_MISSING", locations(m, f.sources), "Field %q is @external without the argument %q in %s.", f.Coordinate(), a.Name, report.Subgraphs(without))
		}
		if types[a.Name] {
			mismatchError(m, "EXTERNAL_ARGUMENT_TYPE_MISMATCH", fmt.Sprintf("The type of argument %q where the field is @external does not fit. It has", a.Coordinate()), typeOf(a),
				spread[*schema.Field]{elements: list, value: typeOf})
		}
		if defaults[a.Name] {
			text := func(a *schema.Field) string {
				if a.Default == nil {
					return "no default value"
				}
				return "default value " + m.literal(a)
			}
			mismatchError(m, "EXTERNAL_ARGUMENT_DEFAULT_MISMATCH", fmt.Sprintf("The default value of argument %q where the field is @external does not fit. It has", a.Coordinate()), text(a),
				spread[*schema.Field]{elements: list, value: text})
		}
	}
}
