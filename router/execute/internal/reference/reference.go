// Package reference executes plans slowly and obviously, with maps and
// encoding/json, one fetch after the other: what package execute is compared
// with in tests. It returns the response's data, not its errors.
package reference

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"souk/router/plan"
)

// An object holds values by storage key: nil for null, an *object, a list, or
// a json.RawMessage for a leaf.
type object map[string]any

type list []any

// Send answers the request of a fetch. Of an entity fetch it is given the
// representations by alias. It returns the response's data, and false if there
// is no usable response.
type Send func(fetch *plan.Fetch, representations map[string][]string) (data json.RawMessage, ok bool)

// Data executes a plan.
func Data(p *plan.Plan, send Send) string {
	e := &executor{plan: p, root: object{typenameKey: p.RootType}, lacking: map[int][]object{}}
	for _, s := range p.Fetches {
		e.fetch(s, send)
	}
	var out bytes.Buffer
	if !e.object(&out, e.root, p.Projection, p.RootType) {
		return "null"
	}
	return out.String()
}

const typenameKey = "__typename"

type executor struct {
	plan *plan.Plan
	root object
	// lacking are, by fetch, the objects without a representation.
	lacking map[int][]object
}

func (e *executor) fetch(s *plan.Fetch, send Send) {
	if s.Kind == plan.EntitiesFetch {
		e.entities(s, send)
		return
	}
	targets := e.find(e.root, s.Path)
	if len(targets) == 0 {
		return
	}
	data, ok := send(s, nil)
	if !ok || string(data) == "null" {
		return
	}
	for _, t := range targets {
		e.merge(t, data, s.Selections)
	}
}

func (e *executor) entities(s *plan.Fetch, send Send) {
	representations := map[string][]string{}
	objects := map[string]map[string][]object{}
	for _, f := range s.Entities {
		objects[f.ResponseKey] = map[string][]object{}
		for _, t := range f.Targets {
			for _, o := range e.find(e.root, t.Path) {
				if s.FallbackFor != nil && !slices.ContainsFunc(e.lacking[*s.FallbackFor], func(l object) bool { return same(l, o) }) {
					continue
				}
				text, ok := e.represent(o, t.Representations)
				if !ok {
					e.lacking[s.ID] = append(e.lacking[s.ID], o)
					continue
				}
				if objects[f.ResponseKey][text] == nil {
					representations[f.ResponseKey] = append(representations[f.ResponseKey], text)
				}
				objects[f.ResponseKey][text] = append(objects[f.ResponseKey][text], o)
			}
		}
	}
	if len(representations) == 0 {
		return
	}
	data, ok := send(s, representations)
	if !ok {
		return
	}
	var answers map[string][]json.RawMessage
	if json.Unmarshal(data, &answers) != nil {
		return
	}
	for _, f := range s.Entities {
		for i, answer := range answers[f.ResponseKey] {
			if string(answer) == "null" {
				continue
			}
			for _, o := range objects[f.ResponseKey][representations[f.ResponseKey][i]] {
				e.merge(o, answer, f.Selections)
			}
		}
	}
}

// same says whether two objects are one.
func same(a, b object) bool { return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer() }

// find returns the objects at the end of a path.
func (e *executor) find(o object, path []plan.Segment) []object {
	if len(path) == 0 {
		return []object{o}
	}
	var found []object
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case object:
			t, known := v[typenameKey].(string)
			if !known || path[0].Types == nil || slices.Contains(path[0].Types, t) {
				found = append(found, e.find(v, path[1:])...)
			}
		case list:
			for _, item := range v {
				visit(item)
			}
		}
	}
	visit(o[path[0].StorageKey])
	return found
}

func (e *executor) represent(o object, candidates []plan.Representation) (string, bool) {
	for _, r := range candidates {
		t, known := o[typenameKey].(string)
		if known && r.On != nil && !slices.Contains(r.On, t) {
			continue
		}
		if text, ok := represented(o, r.Fields); ok {
			return `{"__typename":` + strconv.Quote(r.Typename) + text + "}", true
		}
	}
	return "", false
}

// represented returns the fields, each after a comma.
func represented(o object, fields []plan.RepresentationField) (string, bool) {
	var b strings.Builder
	for _, f := range fields {
		t, known := o[typenameKey].(string)
		if known && f.On != nil && !slices.Contains(f.On, t) {
			continue
		}
		v, ok := o[f.StorageKey]
		if !ok {
			return "", false
		}
		text, ok := representedValue(v, f)
		if !ok {
			return "", false
		}
		b.WriteString("," + strconv.Quote(f.Name) + ":" + text)
	}
	return b.String(), true
}

func representedValue(v any, f plan.RepresentationField) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case string: // a __typename
		if f.Fields != nil {
			return "null", true
		}
		return strconv.Quote(v), true
	case json.RawMessage:
		if f.Fields != nil { // of the wrong kind
			return "null", true
		}
		return string(v), true
	case list:
		items := make([]string, len(v))
		for i, item := range v {
			text, ok := representedValue(item, f)
			if !ok {
				return "", false
			}
			items[i] = text
		}
		return "[" + strings.Join(items, ",") + "]", true
	default:
		text, ok := represented(v.(object), f.Fields)
		return "{" + strings.TrimPrefix(text, ",") + "}", ok
	}
}

// merge writes an answered object into a stored one.
func (e *executor) merge(into object, answer json.RawMessage, selections plan.Selections) {
	var members map[string]json.RawMessage
	if json.Unmarshal(answer, &members) != nil {
		return
	}
	for _, f := range selections.Flatten() {
		text, ok := members[f.ResponseKey]
		if !ok {
			continue
		}
		if f.StorageKey == typenameKey {
			var name string
			_, stored := into[typenameKey]
			if json.Unmarshal(text, &name) == nil && text[0] == '"' && (!stored || !slices.Contains(e.plan.InterfaceObjects, name)) {
				into[typenameKey] = name
			}
			continue
		}
		was, had := into[f.StorageKey]
		if v, set := e.merged(was, had, text, f.Selections); set {
			into[f.StorageKey] = v
		}
	}
}

// merged returns what a value becomes, and false if it stays.
func (e *executor) merged(was any, had bool, text json.RawMessage, selections plan.Selections) (any, bool) {
	switch {
	case string(text) == "null":
		return nil, !had
	case selections != nil && text[0] == '{':
		into, ok := was.(object)
		if !ok {
			into = object{}
		}
		e.merge(into, text, selections)
		return into, true
	case selections != nil && text[0] == '[':
		var items []json.RawMessage
		if json.Unmarshal(text, &items) != nil {
			return nil, false
		}
		into, ok := was.(list)
		for i, item := range items {
			switch {
			case !ok:
				v, _ := e.merged(nil, false, item, selections)
				into = append(into, v)
			case i < len(into):
				if v, set := e.merged(into[i], true, item, selections); set {
					into[i] = v
				}
			}
		}
		if into == nil {
			into = list{}
		}
		return into, true
	default:
		return text, true
	}
}

// object writes an object, and returns false if it must be null.
func (e *executor) object(out *bytes.Buffer, o object, fields []*plan.Field, t string) bool {
	out.WriteByte('{')
	first := true
	for _, f := range fields {
		if f.On != nil && !slices.Contains(f.On, t) {
			continue
		}
		if !first {
			out.WriteByte(',')
		}
		first = false
		out.WriteString(strconv.Quote(f.ResponseKey) + ":")
		if f.Source == plan.Typename {
			if t == "" {
				return false
			}
			out.WriteString(strconv.Quote(t))
			continue
		}
		if !e.value(out, o[f.StorageKey], f, f.Type) {
			return false
		}
	}
	out.WriteByte('}')
	return true
}

// value writes a value of a type, and returns false if null is where it may
// not.
func (e *executor) value(out *bytes.Buffer, v any, f *plan.Field, t string) bool {
	nullable, nonNull := strings.CutSuffix(t, "!")
	var text bytes.Buffer
	if e.nullable(&text, v, f, nullable) {
		out.Write(text.Bytes())
		return true
	}
	out.WriteString("null")
	return !nonNull
}

func (e *executor) nullable(out *bytes.Buffer, v any, f *plan.Field, t string) bool {
	if item, isList := strings.CutPrefix(t, "["); isList {
		items, ok := v.(list)
		if raw, isRaw := v.(json.RawMessage); isRaw && f.Fields == nil && raw[0] == '[' {
			var texts []json.RawMessage
			if json.Unmarshal(raw, &texts) != nil {
				return false
			}
			for _, text := range texts {
				if string(text) == "null" {
					items = append(items, nil)
				} else {
					items = append(items, text)
				}
			}
			ok = true
		}
		if !ok {
			return false
		}
		out.WriteByte('[')
		for i, v := range items {
			if i > 0 {
				out.WriteByte(',')
			}
			if !e.value(out, v, f, item[:len(item)-1]) {
				return false
			}
		}
		out.WriteByte(']')
		return true
	}
	if f.Fields != nil {
		o, ok := v.(object)
		if !ok {
			return false
		}
		name, ok := e.typeOf(o, f, t)
		if name == "" && slices.ContainsFunc(f.Fields, func(f *plan.Field) bool { return f.On != nil }) {
			return false
		}
		return ok && e.object(out, o, f.Fields, name)
	}
	raw, ok := v.(json.RawMessage)
	if !ok {
		return false
	}
	text, ok := e.leaf(raw, f, t)
	out.WriteString(text)
	return ok
}

func (e *executor) typeOf(o object, f *plan.Field, declared string) (string, bool) {
	possible := e.plan.PossibleTypes[declared]
	if f.Kind == plan.Object {
		possible = []string{declared}
	}
	name, known := o[typenameKey].(string)
	if !known || slices.Contains(e.plan.InterfaceObjects, name) && !slices.Contains(possible, name) {
		if len(possible) == 1 {
			return possible[0], true
		}
		return "", true
	}
	return name, slices.Contains(possible, name)
}

func (e *executor) leaf(raw json.RawMessage, f *plan.Field, t string) (string, bool) {
	text := string(raw)
	var s string
	isString := raw[0] == '"' && json.Unmarshal(raw, &s) == nil
	isNumber := raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
	switch f.Kind {
	case plan.Int:
		n, ok := integer(text)
		return n.String(), isNumber && ok && n.IsInt64() && n.Int64() == int64(int32(n.Int64()))
	case plan.Float:
		return text, isNumber
	case plan.String:
		return text, isString
	case plan.Boolean:
		return text, text == "true" || text == "false"
	case plan.ID:
		if n, ok := integer(text); isNumber && ok {
			return strconv.Quote(n.String()), true
		}
		return text, isString
	case plan.Enum:
		return text, isString && slices.Contains(e.plan.EnumValues[t], s)
	default:
		return text, true
	}
}

// integer returns the value of a number that is an integer.
func integer(text string) (*big.Int, bool) {
	r, ok := new(big.Rat).SetString(text)
	if !ok || !r.IsInt() {
		return new(big.Int), false
	}
	return r.Num(), true
}
