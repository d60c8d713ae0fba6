package supergraph

import "encoding/binary"

// common has what types and fields of one model share, because it is equal: most fields of a name are
// alike in all types.
type common struct {
	texts     map[string]string
	sets      map[string]*FieldSet
	arguments map[string][]*Argument
	// taken maps the first argument of a list of the former model to the copy of the list.
	taken map[*Argument][]*Argument
	ins   map[inKey][]*FieldIn
	key   []byte
}

// An inKey says all of a list of FieldIn that are plain: without field sets, overrides and contexts,
// and of the type of the field.
type inKey struct {
	named            *Type
	typ              string
	graphs, external uint64 // by index
}

func newCommon() common {
	return common{texts: map[string]string{}, sets: map[string]*FieldSet{}, arguments: map[string][]*Argument{},
		taken: map[*Argument][]*Argument{}, ins: map[inKey][]*FieldIn{}}
}

// text returns the same string for equal strings.
func (c *common) text(s string) string {
	if known, ok := c.texts[s]; ok {
		return known
	}
	c.texts[s] = s
	return s
}

// set returns the same field set for equal ones that select no fields of other types.
func (c *common) set(s *FieldSet) *FieldSet {
	if !s.flat() {
		return s
	}
	if known := c.sets[s.Text]; known != nil {
		return known
	}
	c.sets[s.Text] = s
	return s
}

// sameArguments returns the same list for equal lists.
func (c *common) sameArguments(list []*Argument) []*Argument {
	c.key = c.key[:0]
	for _, a := range list {
		if a.Cost != nil || a.Inaccessible {
			return list
		}
		for _, s := range []string{a.Name, a.Type, a.Default} {
			c.key = append(binary.AppendUvarint(c.key, uint64(len(s))), s...)
		}
	}
	if len(list) == 0 {
		return list
	}
	known := c.arguments[string(c.key)]
	if known == nil {
		known = list
		c.arguments[string(c.key)] = list
	}
	return known
}

// in returns the definitions of a field in subgraphs. It shares them with other fields if they are
// plain, and reports false otherwise. The list may be one of a former model, where the named type is
// another one; graphs are the subgraphs of the new model.
func (c *common) in(f *Field, list []*FieldIn, named *Type, graphs []*Subgraph) ([]*FieldIn, bool) {
	key := inKey{named: f.Named, typ: f.Type}
	for _, in := range list {
		if in.Requires != nil || in.Provides != nil || in.Override != nil || in.Overridden != nil || in.Contexts != nil ||
			in.Type != f.Type || in.Named != named || in.Subgraph.Index >= 64 {
			return nil, false
		}
		key.graphs |= 1 << in.Subgraph.Index
		if in.External {
			key.external |= 1 << in.Subgraph.Index
		}
	}
	known := c.ins[key]
	if known == nil {
		all := make([]FieldIn, len(list))
		known = make([]*FieldIn, len(list))
		for i, in := range list {
			all[i] = FieldIn{Subgraph: graphs[in.Subgraph.Index], Type: f.Type, Named: f.Named, External: in.External}
			known[i] = &all[i]
		}
		c.ins[key] = known
	}
	return known, true
}
