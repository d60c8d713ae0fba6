package execute

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"

	"souk/router/operation"
	"souk/router/plan"
)

// Compile makes a plan ready to run. It fails on a plan that contradicts
// itself.
func Compile(p *plan.Plan) (*Program, error) {
	c := &compiler{plan: p, root: new(position), program: &Program{kind: p.Kind}}
	if err := c.compile(); err != nil {
		return nil, fmt.Errorf("compile plan: %w", err)
	}
	return c.program, nil
}

type compiler struct {
	plan    *plan.Plan
	program *Program
	root    *position
}

func (c *compiler) compile() error {
	if err := c.types(); err != nil {
		return err
	}
	for i, s := range c.plan.Steps {
		if s.ID != i {
			return fmt.Errorf("step %d has the ID %d", i, s.ID)
		}
		c.place(s)
	}
	p := c.program
	p.separate = c.filledTwice()
	p.rootSize = c.root.size()
	p.rootType = p.typeIDs[c.plan.RootType]
	for _, s := range c.plan.Steps {
		compiled, err := c.step(s)
		if err != nil {
			return fmt.Errorf("step %d: %w", s.ID, err)
		}
		if s.Rest != nil {
			if s.Kind != plan.Entities || !slices.Contains(s.After, *s.Rest) || c.plan.Steps[*s.Rest].Kind != plan.Entities {
				return fmt.Errorf("step %d cannot be for what step %d lacked", s.ID, *s.Rest)
			}
			compiled.rest = p.steps[*s.Rest]
			compiled.rest.hasRest = true
		}
		p.steps = append(p.steps, compiled)
	}
	for _, s := range p.steps {
		for _, before := range s.after {
			p.steps[before].dependent = append(p.steps[before].dependent, s.id)
		}
	}
	sel, err := c.selection(c.plan.RootType, c.plan.Projection, c.root)
	p.projection = sel
	if err != nil {
		return err
	}
	return c.parts()
}

// parts places the deferred parts in the selections they stand in.
func (c *compiler) parts() error {
	p := c.program
	for i, d := range c.plan.Deferred {
		if d.ID != i+1 || d.Parent < 0 || d.Parent >= d.ID {
			return fmt.Errorf("deferred part %d has the ID %d and the parent %d", i+1, d.ID, d.Parent)
		}
		made := &part{id: d.ID, label: d.Label}
		if d.Parent > 0 {
			made.parent = p.parts[d.Parent-1]
		}
		p.parts = append(p.parts, made)
		p.projection.start(made, d.Path)
	}
	if len(p.parts) > 0 {
		return p.projection.contain(p.parts)
	}
	return nil
}

// start notes a part with the selections at the end of a path of response
// keys: there may be several, for different types.
func (s *selection) start(d *part, path []string) {
	if s == nil {
		return
	}
	if len(path) == 0 {
		s.starts = append(s.starts, d)
		return
	}
	for i := range s.fields {
		if s.fields[i].key == path[0] {
			s.fields[i].sel.start(d, path[1:])
		}
	}
}

// fragmentsOf gives the parts whose fragments select a field; nil for none.
func fragmentsOf(f *plan.Field) (set partset) {
	for _, id := range append(f.Also[:len(f.Also):len(f.Also)], f.Defer) {
		if id > 0 {
			set.add(id)
		}
	}
	return set
}

// contain notes with each field the parts below it, and with each part those
// it comes after and those that share fields with it.
func (s *selection) contain(parts []*part) error {
	for i := range s.fields {
		f := &s.fields[i]
		if f.part < 0 || f.part > len(parts) {
			return fmt.Errorf("field %q is in the deferred part %d, which there is not", f.key, f.part)
		}
		if f.sel != nil {
			if err := f.sel.contain(parts); err != nil {
				return err
			}
			for j := range f.sel.fields {
				f.parts.addAll(f.sel.fields[j].parts)
			}
		}
		for _, d := range parts {
			if f.part > 0 && d.id != f.part && f.parts.has(d.id) && !slices.Contains(d.after, parts[f.part-1]) {
				d.after = append(d.after, parts[f.part-1])
			}
			if f.part > 0 && d.id != f.part && f.fragments.has(d.id) && !slices.Contains(d.shared, parts[f.part-1]) {
				d.shared = append(d.shared, parts[f.part-1])
			}
		}
		f.parts.add(f.part)
	}
	return nil
}

// types numbers all type names of the plan, in their order.
func (c *compiler) types() error {
	names := []string{c.plan.RootType}
	names = append(names, c.plan.InterfaceObjects...)
	for name, possible := range c.plan.PossibleTypes {
		names = append(append(names, name), possible...)
	}
	var representation func(fields []plan.RepresentationField)
	representation = func(fields []plan.RepresentationField) {
		for _, f := range fields {
			names = append(names, f.On...)
			representation(f.Fields)
		}
	}
	path := func(segments []plan.Segment) {
		for _, s := range segments {
			names = append(names, s.Types...)
		}
	}
	for _, s := range c.plan.Steps {
		path(s.Path)
		for _, e := range s.Entities {
			for _, t := range e.Targets {
				path(t.Path)
				for _, r := range t.Representations {
					names = append(append(names, r.Typename), r.On...)
					representation(r.Fields)
				}
			}
			for _, a := range e.Arguments {
				for _, from := range a.Sources {
					names = append(names, from.On...)
					representation(from.Fields)
				}
			}
		}
	}
	var projection func(fields []*plan.Field)
	projection = func(fields []*plan.Field) {
		for _, f := range fields {
			names = append(names, f.On...)
			if f.Kind == plan.Object {
				names = append(names, namedType(f.Type))
			}
			projection(f.Fields)
		}
	}
	projection(c.plan.Projection)

	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > math.MaxUint16-int(firstType) {
		return fmt.Errorf("%d types are too many", len(names))
	}
	p := c.program
	p.types = append(make([]string, firstType), names...)
	for _, name := range p.types {
		p.quoted = append(p.quoted, appendString(nil, name))
	}
	p.typeIDs = make(map[string]typeID, len(names))
	for i, name := range names {
		p.typeIDs[name] = firstType + typeID(i)
	}
	p.interfaceObjects = c.set(c.plan.InterfaceObjects)
	if p.interfaceObjects == nil {
		p.interfaceObjects = typeset{}
	}
	return nil
}

// set makes a typeset of names, nil of nil.
func (c *compiler) set(names []string) typeset {
	if names == nil {
		return nil
	}
	s := make(typeset, (len(c.program.types)+63)/64)
	for _, name := range names {
		t := c.program.typeIDs[name]
		s[t>>6] |= 1 << (t & 63)
	}
	return s
}

// place enters what a step stores into the positions.
func (c *compiler) place(s *plan.Step) {
	if s.Kind != plan.Entities {
		placeShape(c.follow(s.Path), s.Shape)
		return
	}
	for _, e := range s.Entities {
		for i, t := range e.Targets {
			at := c.follow(t.Path)
			if i == 0 {
				placeShape(at, e.Shape)
			} else {
				at.unite(c.follow(e.Targets[0].Path))
			}
		}
	}
}

func placeShape(at *position, fields []*plan.ShapeField) {
	for _, f := range fields {
		if f.Key != typenameKey {
			placeShape(at.field(f.Key), f.Fields)
		}
	}
}

// filledTwice says whether two steps store objects or arrays at one place. What
// equal entities have there cannot be shared: the second would have to part it
// while a third may already be asking for what is below.
func (c *compiler) filledTwice() bool {
	by := make(map[*position]int)
	var filled func(at *position, fields []*plan.ShapeField, step int) bool
	filled = func(at *position, fields []*plan.ShapeField, step int) bool {
		for _, f := range fields {
			if f.Key == typenameKey || f.Fields == nil {
				continue
			}
			below := at.field(f.Key).find()
			if first, ok := by[below]; ok && first != step {
				return true
			}
			by[below] = step
			if filled(below, f.Fields, step) {
				return true
			}
		}
		return false
	}
	for _, s := range c.plan.Steps {
		switch {
		case s.Rest != nil: // for objects that have nothing yet
		case s.Kind != plan.Entities:
			if filled(c.follow(s.Path), s.Shape, s.ID) {
				return true
			}
		default:
			for _, e := range s.Entities {
				if len(e.Targets) > 0 && filled(c.follow(e.Targets[0].Path), e.Shape, s.ID) {
					return true
				}
			}
		}
	}
	return false
}

func (c *compiler) follow(path []plan.Segment) *position {
	at := c.root
	for _, s := range path {
		at = at.field(s.Key)
	}
	return at
}

func (c *compiler) step(s *plan.Step) (*step, error) {
	compiled := &step{
		received: new(atomic.Int64),
		id:       s.ID, subgraph: s.Subgraph, kind: s.OperationKind, stream: s.Kind == plan.Subscribe,
		after: s.After, part: s.Defer, prefix: appendString([]byte(`{"query":`), s.Query),
	}
	if s.Defer < 0 || s.Defer > len(c.plan.Deferred) {
		return nil, fmt.Errorf("serves the deferred part %d, which there is not", s.Defer)
	}
	for _, before := range s.After {
		if before < 0 || before >= s.ID {
			return nil, fmt.Errorf("is after step %d", before)
		}
	}
	if compiled.stream != (s.OperationKind == operation.Subscription) || compiled.stream && s.ID != 0 {
		return nil, fmt.Errorf("a %s cannot send a %s here", s.Kind, s.OperationKind)
	}
	for _, v := range s.Variables {
		compiled.variables = append(compiled.variables, variable{v.Name, appendKey(nil, v.Name)})
	}
	switch s.Kind {
	case plan.Fetch, plan.Subscribe:
		var at *position
		compiled.path, at = c.path(s.Path)
		compiled.shape = c.shape(s.Shape, at)
		compiled.place = storageKeys(s.Path)
		if s.OperationKind == operation.Query {
			compiled.cache = rootSelection(s)
			for _, v := range s.Variables {
				compiled.uses = append(compiled.uses, v.Name)
			}
			slices.Sort(compiled.uses)
		}
		return compiled, nil
	case plan.Entities:
		return compiled, c.entities(s, compiled)
	default:
		return nil, fmt.Errorf("unknown kind %q", s.Kind)
	}
}

func (c *compiler) entities(s *plan.Step, into *step) error {
	if len(s.Entities) == 0 {
		return fmt.Errorf("fetches no entities")
	}
	selections := entitySelections(s.Query)
	for i, e := range s.Entities {
		if len(e.Targets) == 0 {
			return fmt.Errorf("%s has no targets", e.Alias)
		}
		fetch := &entityFetch{wire: appendString(nil, e.Alias), key: appendKey(nil, e.Variable)}
		for _, t := range e.Targets {
			compiled := new(target)
			var at *position
			compiled.path, at = c.path(t.Path)
			for _, r := range t.Representations {
				compiled.representations = append(compiled.representations, &representation{
					on:     c.set(r.On),
					prefix: appendString([]byte(`{"__typename":`), r.Typename),
					fields: c.representation(r.Fields, at),
				})
			}
			fetch.targets = append(fetch.targets, compiled)
			fetch.shape = c.shape(e.Shape, at)
			if i == 0 && len(fetch.targets) == 1 {
				into.place = storageKeys(t.Path)
			}
		}
		fetch.cache, fetch.uses = entitySelection(s, e, selections[e.Alias])
		into.entities = append(into.entities, fetch)
	}
	return c.contextual(s, into)
}

func storageKeys(path []plan.Segment) []string {
	keys := make([]string, len(path))
	for i, s := range path {
		keys[i] = s.Key
	}
	return keys
}

func (c *compiler) path(path []plan.Segment) ([]segment, *position) {
	at := c.root.find()
	segments := make([]segment, len(path))
	for i, s := range path {
		slot, below := at.slot(s.Key)
		segments[i] = segment{key: s.Key, slot: slot, types: c.set(s.Types)}
		at = below
	}
	return segments, at
}

func (c *compiler) shape(fields []*plan.ShapeField, at *position) *shape {
	s := &shape{size: at.size(), fields: make([]shapeField, len(fields))}
	for i, f := range fields {
		slot, below := at.slot(f.Key)
		s.fields[i] = shapeField{wire: appendString(nil, f.Wire), key: f.Key, slot: slot}
		if f.Fields != nil && slot != headerSlot {
			s.fields[i].child = c.shape(f.Fields, below)
		}
	}
	return s
}

func (c *compiler) representation(fields []plan.RepresentationField, at *position) []representationField {
	compiled := make([]representationField, len(fields))
	for i, f := range fields {
		slot, below := at.slot(f.Key)
		compiled[i] = representationField{
			name: appendKey([]byte{','}, f.Name), slot: slot, on: c.set(f.On), nested: f.Fields != nil,
			kind: inputKind(f.Kind), fields: c.representation(f.Fields, below),
		}
	}
	return compiled
}

func (c *compiler) selection(typeName string, fields []*plan.Field, at *position) (*selection, error) {
	sel := &selection{typeName: typeName, fields: make([]field, len(fields))}
	for i, f := range fields {
		compiled := &sel.fields[i]
		slot, below := at.slot(f.Key)
		*compiled = field{
			name: appendKey([]byte{','}, f.Name), key: f.Name, store: f.Key, slot: slot, on: c.set(f.On),
			nonNull: nonNull(f.Type), typeName: namedType(f.Type),
			operation: f.Selection, part: f.Defer, fragments: fragmentsOf(f),
		}
		sel.conditional = sel.conditional || compiled.on != nil
		var err error
		if compiled.source, err = sourceOf(f); err != nil {
			return nil, err
		}
		if compiled.source != storedSource {
			continue
		}
		if compiled.kind, err = kindOf(f); err != nil {
			return nil, err
		}
		switch compiled.kind {
		case enumValue:
			compiled.enum = c.plan.EnumValues[compiled.typeName]
		case compositeValue:
			compiled.possible = c.set(append([]string{}, c.plan.PossibleTypes[compiled.typeName]...))
			if f.Kind == plan.Object {
				compiled.declared = c.program.typeIDs[compiled.typeName]
				compiled.possible = c.set([]string{compiled.typeName})
			} else {
				compiled.declared = compiled.possible.only(len(c.program.types))
			}
			if compiled.sel, err = c.selection(compiled.typeName, f.Fields, below); err != nil {
				return nil, err
			}
		}
	}
	return sel, nil
}

func sourceOf(f *plan.Field) (source, error) {
	switch f.Source {
	case plan.Stored:
		return storedSource, nil
	case plan.Typename:
		return typenameSource, nil
	case plan.Introspection, plan.Denied:
		if f.Selection == nil {
			return 0, fmt.Errorf("%s field %q without its selection", f.Source, f.Name)
		}
		if f.Source == plan.Denied {
			return deniedSource, nil
		}
		return introspectionSource, nil
	default:
		return 0, fmt.Errorf("field %q has the unknown source %q", f.Name, f.Source)
	}
}

func kindOf(f *plan.Field) (valueKind, error) {
	switch f.Kind {
	case plan.Int:
		return intValue, nil
	case plan.Float:
		return floatValue, nil
	case plan.String:
		return stringValue, nil
	case plan.Boolean:
		return booleanValue, nil
	case plan.ID:
		return idValue, nil
	case plan.Scalar:
		return anyValue, nil
	case plan.Enum:
		return enumValue, nil
	case plan.Object, plan.Interface, plan.Union:
		return compositeValue, nil
	default:
		return 0, fmt.Errorf("field %q has the unknown kind %q", f.Name, f.Kind)
	}
}

// namedType gives the T of "[T!]!".
func namedType(t string) string { return strings.Trim(t, "[]!") }

// nonNull gives, for each list level of a type from the outside and at last
// for the named type, whether it is marked non-null.
func nonNull(t string) []bool {
	lists := strings.Count(t, "[")
	levels := make([]bool, lists+1)
	for i := range levels {
		if strings.HasSuffix(t, "!") {
			levels[i] = true
			t = t[:len(t)-1]
		}
		t = strings.TrimSuffix(t, "]")
	}
	return levels
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	// The error is impossible: a string can always be encoded.
	_ = e.Encode(s)
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// appendKey appends s as the key of a JSON object.
func appendKey(b []byte, s string) []byte { return append(appendString(b, s), ':') }
