package execute

import (
	"strings"
	"unsafe"

	"souk/router/plan"
)

// counts says how much memory the parts of a program take, so that there is one allocation for each
// kind. They are right for most plans. If a part takes more, it is allocated separately.
type counts struct {
	names int // type names
	text  int // bytes of texts as JSON, but for type names and the keys of positions

	shapes, shapeFields int // of fetches
	selections, fields  int // of the client's operation
}

// quoted is the number of bytes that a name takes as the key of an object.
func quoted(name string) int { return len(name) + len(`,"":`) }

// name counts a name, unless it is the key of a position.
func (n *counts) name(key, name string) {
	if key != name || key == typenameKey {
		n.text += quoted(name)
	}
}

func countOf(p *plan.Plan) (n counts) {
	n.names = 1 + len(p.InterfaceObjects)
	for _, possible := range p.PossibleTypes {
		n.names += 1 + len(possible)
	}
	for _, f := range p.Fetches {
		n.text += len(`{"query":""`) + len(f.Query) + strings.Count(f.Query, `"`) + strings.Count(f.Query, `\`)
		for _, v := range f.Variables {
			n.text += len(v.Name) + len(`"":`)
		}
		if f.Kind != plan.EntitiesFetch {
			n.shapes++
			n.fetched(f.Selections)
		}
		for _, e := range f.Entities {
			n.shapes++
			n.fetched(e.Selections)
			n.text += len(e.ResponseKey) + len(`""`) + len(e.Variable) + len(`"":`)
			for _, t := range e.Targets {
				for _, r := range t.Representations {
					n.names += 1 + len(r.On)
					n.text += len(`{"__typename":""`) + len(r.Typename)
					if len(r.Fields) == 1 { // once more, for the opening
						n.text += quoted(r.Fields[0].Name)
					}
					n.representation(r.Fields)
				}
			}
		}
	}
	n.projection(p.Projection)
	return n
}

func (n *counts) fetched(list plan.Selections) {
	for _, sel := range list {
		switch sel := sel.(type) {
		case *plan.SelectedField:
			n.name(sel.StorageKey, sel.ResponseKey)
			n.shapeFields++
			if sel.Selections != nil {
				n.shapes++
				n.fetched(sel.Selections)
			}
		case *plan.InlineFragment:
			n.fetched(sel.Selections)
		}
	}
}

func (n *counts) representation(fields []plan.RepresentationField) {
	for _, f := range fields {
		n.names += len(f.On)
		n.name(f.StorageKey, f.Name)
		n.representation(f.Fields)
	}
}

func (n *counts) projection(list []*plan.Field) {
	n.selections++
	n.fields += len(list)
	for _, f := range list {
		n.names += 1 + len(f.On)
		n.name(f.StorageKey, f.ResponseKey)
		if f.Kind == plan.Object || f.Kind == plan.Interface || f.Kind == plan.Union {
			n.projection(f.Fields)
		}
	}
}

// words is the number of words that the sets of types in the plan's projection take.
func (c *compiler) words() int {
	sets := 1
	var count func(list []*plan.Field)
	count = func(list []*plan.Field) {
		for _, f := range list {
			if f.On != nil {
				sets++
			}
			if f.Fields != nil {
				sets++
				count(f.Fields)
			}
		}
	}
	count(c.plan.Projection)
	return sets * ((len(c.program.quoted) + 63) / 64)
}

// quote returns a text as a JSON string between two others.
func (c *compiler) quote(before, text, after string) []byte {
	if !needsBackslashes(text) {
		return append(appendString([]byte(before), text), after...)
	}
	n := len(before) + len(text) + 2 + strings.Count(text, `"`) + strings.Count(text, `\`) + len(after)
	return append(appendString(append(c.text.Make(n)[:0], before...), text), after...)
}

// quoteText returns a text as a JSON string between two others. Nobody else writes to its memory.
func (c *compiler) quoteText(before, text, after string) string {
	b := c.quote(before, text, after)
	return unsafe.String(unsafe.SliceData(b), len(b))
}
