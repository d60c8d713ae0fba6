package limit

import (
	"strconv"
	"strings"

	"souk/router/internal/jsonscan"
	"souk/router/operation"
	"souk/router/supergraph"
)

// A meter computes the cost of a response, with the weights of the estimate and the lists as
// they are. Null costs nothing, and a field that several types have under one name costs what
// the most expensive one does.
type meter struct {
	base   float64
	fields []meterField // of data
}

// A meterField is a field of an object that costs something, or that has such fields in it. Beside
// these, there are the other fields of the object, because it is cheaper to expect a key than to
// read it.
type meterField struct {
	key       string // as JSON, with a colon
	weight    float64
	arguments float64
	lists     int // levels of lists in its type
	fields    []meterField
}

// Typed selections are a selection set on a type.
type typed struct {
	on   *supergraph.Type
	list []operation.Selection
}

// meter compiles the fields of selection sets on one object.
func (c *compiler) meter(sets ...typed) []meterField {
	var (
		out   []meterField
		below [][]typed
		at    = map[string]int{}
		add   func(on *supergraph.Type, list []operation.Selection)
	)
	add = func(on *supergraph.Type, list []operation.Selection) {
		for _, selection := range list {
			switch s := selection.(type) {
			case *operation.InlineFragment:
				inner := on
				if s.TypeCondition != "" {
					inner = c.model.Type(s.TypeCondition)
				}
				add(inner, s.Selections)
			case *operation.Field:
				one, set := c.meterField(on, s)
				i, known := at[s.Alias]
				if !known {
					i = len(out)
					at[s.Alias], out, below = i, append(out, meterField{key: one.key}), append(below, nil)
				}
				out[i].weight, out[i].arguments = max(out[i].weight, one.weight), max(out[i].arguments, one.arguments)
				out[i].lists = max(out[i].lists, one.lists)
				if set.on != nil {
					below[i] = append(below[i], set)
				}
			}
		}
	}
	for _, s := range sets {
		add(s.on, s.list)
	}
	costs := false
	for i := range out {
		f := &out[i]
		if len(below[i]) > 0 {
			f.fields = c.meter(below[i]...)
		}
		costs = costs || f.weight != 0 || f.arguments != 0 || len(f.fields) > 0
	}
	if !costs {
		return nil
	}
	return out
}

// meterField compiles a field without its selection set, which it returns.
func (c *compiler) meterField(on *supergraph.Type, s *operation.Field) (out meterField, below typed) {
	out.key = strconv.Quote(s.Alias) + ":"
	if introspects(s) {
		out.weight = c.introspection(s)
		return out, typed{}
	}
	if on == nil {
		return out, typed{}
	}
	definition := on.Field(s.Name)
	if definition == nil || s.Denied != nil {
		return out, typed{}
	}
	out.weight, out.arguments = weight(definition), argumentCosts(definition, s)
	out.lists = strings.Count(definition.Type, "[")
	if len(s.Selections) > 0 {
		below = typed{definition.Named, s.Selections}
	}
	return out, below
}

// response returns the cost of a response.
func (m *meter) response(body []byte) float64 {
	i := jsonscan.Space(body, 0)
	if i >= len(body) || body[i] != '{' {
		return 0
	}
	whole := []meterField{{key: `"data":`, fields: m.fields}}
	cost, _ := measureObject(body, i, whole)
	return m.base + min(cost, maxCost)
}

// data returns the cost of the data of a response.
func (m *meter) data(data []byte) float64 {
	if len(data) == 0 || data[0] != '{' {
		return m.base
	}
	cost, _ := measureObject(data, 0, m.fields)
	return m.base + min(cost, maxCost)
}

// measureObject returns the cost of the fields of the object at an index, and the index after
// it. That is negative if the text is not JSON.
func measureObject(b []byte, i int, fields []meterField) (cost float64, end int) {
	if len(fields) == 0 {
		return 0, jsonscan.Value(b, i)
	}
	expected := 0 // members mostly come in the order of the fields
	i = jsonscan.Space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return 0, i + 1
	}
	for more := true; more; {
		var f *meterField
		if f, i = member(b, i, fields, &expected); i < 0 || i >= len(b) {
			return cost, -1
		}
		if f == nil {
			i = jsonscan.Value(b, i)
		} else {
			var own float64
			own, i = measureValue(b, i, f, f.lists)
			cost += own + f.arguments
		}
		if i < 0 {
			return cost, i
		}
		i, more = jsonscan.Next(b, i, '}')
	}
	return cost, i
}

// member returns the field of the member of an object at an index, or nil, and the index of its
// value.
func member(b []byte, i int, fields []meterField, expected *int) (f *meterField, value int) {
	if n := *expected; n < len(fields) {
		if f, end := &fields[n], i+len(fields[n].key); end < len(b) && string(b[i:end]) == f.key {
			*expected = n + 1
			return f, jsonscan.Space(b, end)
		}
	}
	start := i
	if i >= len(b) || b[i] != '"' {
		return nil, -1
	}
	if i = jsonscan.String(b, i); i < 0 {
		return nil, i
	}
	key := b[start:i]
	for n := range fields {
		if known := fields[n].key; known[:len(known)-1] == string(key) {
			f, *expected = &fields[n], n+1
			break
		}
	}
	return f, jsonscan.Colon(b, i)
}

// measureValue returns the cost of the value at an index, which is below the given number of
// levels of lists. A subgraph's response may have more.
func measureValue(b []byte, i int, f *meterField, lists int) (cost float64, end int) {
	switch {
	case b[i] == 'n':
		return 0, jsonscan.Value(b, i)
	case b[i] == '{':
		cost, end = measureObject(b, i, f.fields)
		return cost + f.weight, end
	case b[i] == '[' && lists > 0:
		return measureList(b, i, f, lists-1)
	}
	return f.weight, jsonscan.Value(b, i)
}

func measureList(b []byte, i int, f *meterField, lists int) (cost float64, end int) {
	i = jsonscan.Space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return 0, i + 1
	}
	for more := true; more; {
		if i >= len(b) {
			return cost, -1
		}
		var own float64
		if own, i = measureValue(b, i, f, lists); i < 0 {
			return cost, i
		}
		cost += own
		i, more = jsonscan.Next(b, i, ']')
	}
	return cost, i
}
