package oracle

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"

	"souk/router/internal/syntax"
)

// A World is a federated graph with data.
type World struct {
	seed      uint64
	faults    bool
	api       *ast.Schema
	subgraphs map[string]*subgraph
	names     []string
}

// Options configure a World.
type Options struct {
	// Seed determines all data.
	Seed uint64
	// Faults makes some nullable fields fail.
	Faults bool
	// API is the API schema of the composed graph.
	API string
	// Subgraphs are the subgraphs' SDLs by name.
	Subgraphs map[string]string
}

// New returns a world of subgraphs.
func New(opts Options) (*World, error) {
	api, err := syntax.LoadSchema(&ast.Source{Name: "api.graphql", Input: opts.API})
	if err != nil {
		return nil, fmt.Errorf("loading the API schema: %w", err)
	}
	w := &World{seed: opts.Seed, faults: opts.Faults, api: api, subgraphs: map[string]*subgraph{}}
	for name, sdl := range opts.Subgraphs {
		if w.subgraphs[name], err = newSubgraph(w, name, sdl); err != nil {
			return nil, fmt.Errorf("loading subgraph %s: %w", name, err)
		}
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	return w, nil
}

// Monolith executes an operation on the data without federation.
func (w *World) Monolith(query string, variables map[string]any) (Result, error) {
	document, values, err := load(w.api, query, variables)
	if err != nil {
		return Result{}, err
	}
	e := &execution{schema: w.api, document: document, variables: values}
	e.resolve = func(parent *object, field *ast.Field, args map[string]any) (any, error) {
		value, err := w.monolithField(parent, field, args, &e.requiredFaults)
		below(parent, value)
		return value, err
	}
	return e.run(), nil
}

func load(schema *ast.Schema, query string, variables map[string]any) (*ast.QueryDocument, map[string]any, error) {
	document, err := syntax.Query(&ast.Source{Input: query}, 0)
	if err != nil {
		return nil, nil, err
	}
	if list := validator.ValidateWithRules(schema, document, nil); len(list) > 0 {
		return nil, nil, list
	}
	values, err := validator.VariableValues(schema, document.Operations[0], variables)
	return document, values, err
}

// monolithField returns the value of a field and counts the errors in required fields.
func (w *World) monolithField(parent *object, field *ast.Field, args map[string]any, faults *int) (any, error) {
	inputs := []any{canonical(w.withContext(parent, field.Name, args, faults))}
	if requires := w.requires(parent.typename, field.Name); requires != nil {
		inputs = append(inputs, w.required(parent, requires, faults))
	}
	return w.value(parent, field.Name, inputs)
}

// value computes the value of a field. inputs are the other values that it depends on.
func (w *World) value(parent *object, field string, inputs []any) (any, error) {
	declared, owner := w.declaration(parent.typename, field)
	if declared == nil {
		panic(fmt.Sprintf("no field %s.%s in any subgraph", parent.typename, field))
	}
	if w.isLeafKey(parent.typename, field) {
		return keyValue(declared.Type, field, parent.id), nil
	}
	if w.isKey(parent.typename, field) { // part of a nested key
		return &object{typename: declared.Type.Name(), id: parent.id}, nil
	}
	h := w.hash(owner, parent.id, field, fmt.Sprint(inputs...))
	if w.faults && !declared.Type.NonNull && h%23 == 7 && !w.isContextValue(field) {
		return nil, errors.New("the data has an error for this field")
	}
	return w.ofType(declared.Type, parent.typename, field, h), nil
}

func (w *World) ofType(t *ast.Type, owner, field string, h uint64) any {
	if !t.NonNull && h%9 == 3 {
		return nil
	}
	if t.Elem != nil {
		list := make([]any, h>>8%4)
		for i := range list {
			list[i] = w.ofType(t.Elem, owner, field, w.hash(strconv.FormatUint(h, 36), strconv.Itoa(i)))
		}
		return list
	}
	definition := w.definition(t.NamedType)
	switch definition.Kind {
	case ast.Object:
		return w.instance(definition.Name, h)
	case ast.Interface, ast.Union:
		candidates := w.candidates(owner, field, definition.Name)
		if len(candidates) == 0 {
			return nil
		}
		return w.instance(candidates[h>>32%uint64(len(candidates))], h)
	case ast.Enum:
		values := w.enumValues(definition.Name)
		return values[h>>8%uint64(len(values))]
	}
	return leaf(t.NamedType, h)
}

// entities is the number of entities of each type. It is small, so that the same entities
// occur often.
const entities = 5

// instance returns a random object of a type. Types that share an interface with a key share
// its IDs, so that an ID determines the type.
func (w *World) instance(typename string, h uint64) *object {
	if !w.isEntity(typename) {
		return &object{typename: typename, id: "v" + strconv.FormatUint(h, 36)}
	}
	id := h >> 16 % entities
	for _, iface := range w.interfacesOf(typename) {
		if len(w.keysOf(iface)) > 0 {
			implementers := w.implementers(iface)
			id = id*uint64(len(implementers)) + uint64(slices.Index(implementers, typename))
		}
	}
	return &object{typename: typename, id: strconv.FormatUint(id, 10)}
}

// runtimeType returns the type of an object that a subgraph knows only by its interface and
// ID.
func (w *World) runtimeType(iface, id string) (string, error) {
	implementers := w.implementers(iface)
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return "", fmt.Errorf("%s has no object %q", iface, id)
	}
	return implementers[n%uint64(len(implementers))], nil
}

func leaf(scalar string, h uint64) any {
	switch scalar {
	case "Int":
		return int(h>>8%2000) - 1000
	case "Float":
		return float64(h>>8%4000)/8 - 200
	case "Boolean":
		return h>>8%2 == 0
	}
	return scalar + "-" + strconv.FormatUint(h>>8%1000, 36) + []string{"", "é", "\"", "\\", "\n", "日本"}[h>>40%6]
}

// keyValue returns the value of a key field. identity is the inverse.
func keyValue(t *ast.Type, field, id string) any {
	if t.Name() == "Int" {
		n, err := strconv.Atoi(id)
		if err != nil {
			panic(err) // entities have numbers
		}
		return n
	}
	return field + "-" + id
}

// identity returns the ID of the entity in a representation.
func (w *World) identity(typename string, representation map[string]any) (string, error) {
	for field, value := range representation {
		if !w.isKey(typename, field) {
			continue
		}
		if part, ok := value.(map[string]any); ok {
			declared, _ := w.declaration(typename, field)
			return w.identity(declared.Type.Name(), part)
		}
		if s, ok := value.(string); ok {
			if id, found := strings.CutPrefix(s, field+"-"); found {
				return id, nil
			}
			return "", fmt.Errorf("%s.%s cannot be %q", typename, field, s)
		}
		return fmt.Sprint(value), nil
	}
	return "", fmt.Errorf("a representation of %s without any key: %v", typename, representation)
}

func (w *World) hash(parts ...string) uint64 {
	h := fnv.New64a()
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], w.seed)
	h.Write(seed[:])
	for _, part := range parts {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	// FNV's low bits are weak for short inputs: mix (splitmix64's finaliser).
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// canonical returns equal texts for equal values.
func canonical(v any) string {
	text, err := json.Marshal(v) // sorts the keys of maps
	if err != nil {
		panic(err) // values come from JSON
	}
	return string(text)
}
