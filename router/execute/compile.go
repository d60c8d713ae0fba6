package execute

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"

	"souk/internal/slab"
	"souk/router/operation"
	"souk/router/plan"
)

// Compile prepares a plan for execution by e. Without a cache, the program does not
// describe what a cache needs to know. It fails if the plan contradicts itself. The
// program does not refer to the plan, except to its strings but the texts of fetches, and
// to the lists in PossibleTypes and EnumValues.
func (e *Executor) Compile(p *plan.Plan) (*Program, error) {
	l, ok := layouts.Get().(*layout)
	if !ok {
		l = new(layout)
	}
	defer func() {
		if l.reset() {
			layouts.Put(l)
		}
	}()
	return compile(p, l, &e.declared, e.options.Cache != nil)
}

func compile(p *plan.Plan, l *layout, declared *declaredTypes, cached bool) (*Program, error) {
	n := countOf(p)
	c := &l.compiler
	*c = compiler{
		plan: p, cached: cached, declared: declared, root: l.root(), program: &Program{kind: p.Kind},
		names: slices.Grow(l.names[:0], n.names), textBytes: n.text,
		shapes: slab.NewBlock[shape](n.shapes), shapeFields: slab.NewBlock[shapeField](n.shapeFields),
		selections: slab.NewBlock[selection](n.selections), fields: slab.NewBlock[field](n.fields),
	}
	err := c.compile()
	l.names = c.names
	if err != nil {
		return nil, fmt.Errorf("compile plan: %w", err)
	}
	return c.program, nil
}

type compiler struct {
	plan    *plan.Plan
	program *Program
	root    *position
	cached  bool

	declared *declaredTypes
	failed   error    // why the plan cannot be compiled, or nil
	names    []string // the type names in the plan
	text     slab.Block[byte]
	// textBytes is the length of the text, but for type names and the keys of positions.
	textBytes int
	sets      slab.Block[uint64]

	shapes      slab.Block[shape]
	shapeFields slab.Block[shapeField]
	selections  slab.Block[selection]
	fields      slab.Block[field]

	runMemory      slab.Block[run]
	runFieldMemory slab.Block[runField]
	insideMemory   slab.Block[runInside]

	fetches []fetchMemory
}

// A fetchMemory is a fetch with the number that copies of it share.
type fetchMemory struct {
	fetch
	size atomic.Int64
}

func (c *compiler) compile() error {
	if err := checkPlan(c.plan); err != nil {
		return err
	}
	for _, f := range c.plan.Fetches {
		c.layOut(f)
	}
	if err := c.types(); err != nil {
		return err
	}
	p := c.program
	p.noSharing = c.writtenTwice()
	p.rootSize = c.root.size()
	p.rootType = c.typeID(c.plan.RootType)
	c.orderFetches()
	for i, f := range c.plan.Fetches {
		compiled := &c.fetches[i].fetch
		c.fetch(f, compiled)
		if f.FallbackFor != nil {
			of := p.fetches[*f.FallbackFor]
			compiled.rare().fallbackFor, of.hasFallback = of, true
		}
		p.fetches[i] = compiled
	}
	var err error
	if p.projection, err = c.selection(c.typ(c.plan.RootType), c.plan.Projection, c.root); err != nil {
		return err
	}
	c.runs()
	c.payloads()
	return c.failed
}

// orderFetches makes the fetches, and notes which of them depend on which.
func (c *compiler) orderFetches() {
	p, l := c.program, c.root.memory
	c.fetches, p.fetches = make([]fetchMemory, len(c.plan.Fetches)), make([]*fetch, len(c.plan.Fetches))
	l.numbers = slices.Grow(l.numbers[:0], len(c.plan.Fetches))[:len(c.plan.Fetches)]
	clear(l.numbers)
	n := 0
	for i, f := range c.plan.Fetches {
		n += len(f.DependsOn)
		c.fetches[i].waitsFor = int32(len(f.DependsOn))
		for _, before := range f.DependsOn {
			l.numbers[before]++
		}
	}
	ordered := slab.NewBlock[int](n)
	for i, n := range l.numbers {
		c.fetches[i].dependents = ordered.Make(n)[:0]
	}
	for _, f := range c.plan.Fetches {
		for _, before := range f.DependsOn {
			c.fetches[before].dependents = append(c.fetches[before].dependents, f.ID)
		}
	}
}

// payloads adds the deferred payloads to the selections that contain their
// fragments.
func (c *compiler) payloads() {
	p := c.program
	for _, d := range c.plan.Deferred {
		made := &deferredPayload{id: d.ID}
		if d.Label != "" {
			made.label = appendString([]byte(`,"label":`), d.Label)
		}
		if d.Parent > 0 {
			made.parent = p.payloads[d.Parent-1]
		}
		p.payloads = append(p.payloads, made)
		p.projection.addDeferred(made, d.Path)
	}
	if len(p.payloads) > 0 {
		p.projection.notePayloads(p.payloads)
	}
}

// addDeferred adds a payload to the selections at the end of a path of response
// keys. There may be several, for different types.
func (s *selection) addDeferred(d *deferredPayload, path []string) {
	if s == nil {
		return
	}
	if len(path) == 0 {
		if s.deferred == nil {
			s.deferred = new([]*deferredPayload)
		}
		*s.deferred = append(*s.deferred, d)
		return
	}
	for i := range s.fields {
		if s.fields[i].responseKey() == path[0] {
			s.fields[i].sel.addDeferred(d, path[1:])
		}
	}
}

// special returns what a field has that few fields have, or nil.
func (c *compiler) special(f *plan.Field) *specialField {
	if len(c.plan.Deferred) == 0 && f.On == nil && f.Kind != plan.Enum &&
		(f.Source == plan.Typename || f.Source == plan.Stored && f.StorageKey == f.ResponseKey) {
		return nil
	}
	s := &specialField{storageKey: f.StorageKey, on: c.set(f.On), denial: f.Denial}
	if f.Kind == plan.Enum {
		s.enum = c.plan.EnumValues[namedType(f.Type)]
	}
	if f.Introspect != nil {
		s.introspect = operationField(f.Introspect)
	}
	if len(c.plan.Deferred) > 0 {
		s.fieldPayloads = fieldPayloads{deferID: f.DeferID, selectedIn: payloadsOf(f)}
	}
	return s
}

// payloadsOf returns the payloads whose fragments select a field; nil for none.
func payloadsOf(f *plan.Field) (set deferIDSet) {
	for _, id := range append(f.AlsoDeferredIn[:len(f.AlsoDeferredIn):len(f.AlsoDeferredIn)], f.DeferID) {
		if id > 0 {
			set.add(id)
		}
	}
	return set
}

// notePayloads notes with each field the payloads that can deliver it and the
// fields below it, and with each payload those that deliver the objects its
// fields belong to and those that can deliver fields of its fragment.
func (s *selection) notePayloads(payloads []*deferredPayload) {
	for i := range s.fields {
		f := &s.fields[i]
		if f.sel != nil {
			f.sel.notePayloads(payloads)
			for j := range f.sel.fields {
				f.special.payloadsBelow.addAll(f.sel.fields[j].special.payloadsBelow)
			}
		}
		f.special.noteCarriers(payloads)
		for _, d := range payloads {
			in := &f.special.fieldPayloads
			if in.deferID > 0 && d.id != in.deferID && in.payloadsBelow.has(d.id) && !slices.Contains(d.enclosing, payloads[in.deferID-1]) {
				d.enclosing = append(d.enclosing, payloads[in.deferID-1])
			}
			if in.deferID > 0 && d.id != in.deferID && in.selectedIn.has(d.id) && !slices.Contains(d.sharing, payloads[in.deferID-1]) {
				d.sharing = append(d.sharing, payloads[in.deferID-1])
			}
		}
		f.special.payloadsBelow.addAll(f.special.carriers)
	}
}

// noteCarriers notes the payloads that can deliver a field: those whose fragments
// select it, if neither the initial response nor a payload they are nested in has it.
func (f *fieldPayloads) noteCarriers(payloads []*deferredPayload) {
	if f.deferID == 0 {
		return
	}
	var earlier []*deferredPayload
	for _, d := range payloads {
		if !f.selectedIn.has(d.id) {
			continue
		}
		nested := false
		for outer := d.parent; outer != nil; outer = outer.parent {
			nested = nested || f.selectedIn.has(outer.id)
		}
		if nested {
			continue
		}
		f.carriers.add(d.id)
		for _, q := range earlier {
			if !slices.Contains(d.overlapping, q) {
				d.overlapping = append(d.overlapping, q)
			}
		}
		earlier = append(earlier, d)
	}
}

// types assigns an ID to each type name of the plan, in alphabetical order.
func (c *compiler) types() error {
	names := append(append(c.names, c.plan.RootType), c.plan.InterfaceObjects...)
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
	for _, s := range c.plan.Fetches {
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
		return fmt.Errorf("the plan names %d types; at most %d can be told apart", len(names), math.MaxUint16-int(firstType))
	}
	p := c.program
	c.names = names
	size := c.textBytes + c.root.memory.textBytes
	for _, name := range names {
		size += len(name) + len(`""`)
	}
	c.text = slab.NewBlock[byte](size)
	p.quoted = make([]string, int(firstType)+len(names))
	for i, name := range names {
		p.quoted[int(firstType)+i] = c.quoteText("", name, "")
	}
	c.sets = slab.NewBlock[uint64](c.words())
	if len(names) > fewTypes {
		p.typeIDs = make(map[string]typeID, len(names))
		for i := range names {
			p.typeIDs[p.quoted[int(firstType)+i]] = firstType + typeID(i)
		}
	}
	p.interfaceObjects = c.set(c.plan.InterfaceObjects)
	if p.interfaceObjects == nil {
		p.interfaceObjects = typeset{}
	}
	return nil
}

// typeID returns the ID of a type that the plan names.
func (c *compiler) typeID(name string) typeID {
	if i, ok := slices.BinarySearch(c.names, name); ok {
		return firstType + typeID(i)
	}
	return noType
}

// set makes a typeset of names; nil of nil.
func (c *compiler) set(names []string) typeset {
	if names == nil {
		return nil
	}
	s := typeset(c.sets.Make((len(c.program.quoted) + 63) / 64))
	for _, name := range names {
		t := c.typeID(name)
		s[t>>6] |= 1 << (t & 63)
	}
	return s
}

// layOut assigns a storage slot, at its position, to each value that a fetch stores.
func (c *compiler) layOut(f *plan.Fetch) {
	if f.Kind != plan.EntitiesFetch {
		layOutSelections(c.follow(f.Path), f.Selections)
		return
	}
	for _, e := range f.Entities {
		for i, t := range e.Targets {
			at := c.follow(t.Path)
			if i == 0 {
				layOutSelections(at, e.Selections)
			} else {
				at.unite(c.follow(e.Targets[0].Path))
			}
		}
	}
}

func layOutSelections(at *position, selections plan.Selections) {
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *plan.InlineFragment:
			layOutSelections(at, sel.Selections)
		case *plan.SelectedField:
			if sel.StorageKey != typenameKey {
				layOutSelections(at.field(sel.StorageKey), sel.Selections)
			}
		}
	}
}

// writtenTwice reports whether two fetches store objects or arrays at one
// position. Equal entities cannot share what is below it then: the second fetch
// would have to copy it while a third already reads from it.
func (c *compiler) writtenTwice() bool {
	for _, f := range c.plan.Fetches {
		switch {
		case f.FallbackFor != nil: // for objects that have nothing yet
		case f.Kind != plan.EntitiesFetch:
			if writtenBefore(c.follow(f.Path), f.Selections, f.ID) {
				return true
			}
		default:
			for _, e := range f.Entities {
				if len(e.Targets) > 0 && writtenBefore(c.follow(e.Targets[0].Path), e.Selections, f.ID) {
					return true
				}
			}
		}
	}
	return false
}

// writtenBefore notes which fetch writes to the positions below one, and reports
// whether another has before.
func writtenBefore(at *position, selections plan.Selections, fetch int) bool {
	return slices.ContainsFunc(selections, func(sel plan.Selection) bool {
		f, ok := sel.(*plan.SelectedField)
		if !ok {
			return writtenBefore(at, sel.(*plan.InlineFragment).Selections, fetch)
		}
		if f.StorageKey == typenameKey || f.Selections == nil {
			return false
		}
		below := at.field(f.StorageKey).find()
		if below.writer > 0 && below.writer != fetch+1 {
			return true
		}
		below.writer = fetch + 1
		return writtenBefore(below, f.Selections, fetch)
	})
}

func (c *compiler) follow(path []plan.Segment) *position {
	at := c.root
	for _, s := range path {
		at = at.field(s.StorageKey)
	}
	return at
}

func (c *compiler) fetch(f *plan.Fetch, compiled *fetch) {
	compiled.received = &c.fetches[f.ID].size
	compiled.id, compiled.subgraph, compiled.kind, compiled.deferID = f.ID, f.Subgraph, f.OperationKind, f.DeferID
	compiled.stream, compiled.eventStream = f.Kind == plan.SubscriptionFetch, f.EventStream
	compiled.prefix = c.quoteText(`{"query":`, f.Query, "")
	if f.OperationName != "" {
		compiled.operationName = " " + f.OperationName
	}
	if len(f.Variables) > 0 {
		compiled.variables = make([]variable, len(f.Variables))
	}
	for i, v := range f.Variables {
		compiled.variables[i] = variable{v.Name, c.quote("", v.Name, ":")}
	}
	if f.Kind == plan.EntitiesFetch {
		c.entities(f, compiled)
		return
	}
	path, at := c.path(f.Path)
	if len(path) > 0 {
		compiled.rare().path = path
	}
	compiled.shape = c.shape(f.Selections, at)
	if !c.cached {
		return
	}
	switch f.OperationKind {
	case operation.Mutation:
		compiled.caching = &cachedFetch{mutation: f.Selections.Clone()}
	case operation.Query:
		compiled.caching = &cachedFetch{selection: rootSelection(f)}
		for _, v := range f.Variables {
			compiled.caching.usedVariables = append(compiled.caching.usedVariables, v.Name)
		}
		slices.Sort(compiled.caching.usedVariables)
	}
}

func (c *compiler) entities(f *plan.Fetch, into *fetch) {
	entities := make([]entityFetch, len(f.Entities))
	into.entities = make([]*entityFetch, len(f.Entities))
	for i, e := range f.Entities {
		compiled := &entities[i]
		into.entities[i] = compiled
		*compiled = entityFetch{
			responseKey: c.quote("", e.ResponseKey, ""), variableKey: c.quote("", e.Variable, ":"), usedVariables: e.Selections.Variables(),
			targets: make([]target, len(e.Targets)),
		}
		if c.cached {
			compiled.cache = entitySelection(f, e)
		}
		for j, t := range e.Targets {
			path, at := c.path(t.Path)
			if compiled.shape == nil { // the positions of all targets are united
				compiled.shape = c.shape(e.Selections, at)
			}
			compiled.targets[j] = target{path: path, representations: c.representations(t.Representations, at)}
		}
	}
	c.contextFetches(f, into)
}

func (c *compiler) representations(list []plan.Representation, at *position) []representation {
	out := make([]representation, len(list))
	for i, r := range list {
		const before = `{"__typename":`
		fields := c.representation(r.Fields, at)
		out[i] = representation{on: c.set(r.On), fields: fields, typeName: r.Typename}
		if len(fields) == 1 && fields[0].on == nil && !fields[0].nested && fields[0].slot > headerSlot {
			name := fields[0].name
			out[i].opening = c.quoteText(before, r.Typename, name)
			out[i].prefix = out[i].opening[:len(out[i].opening)-len(name)]
		} else {
			out[i].prefix = c.quoteText(before, r.Typename, "")
		}
	}
	return out
}

// name returns a name as a member of an object: ,"name": The keys of a position are made once.
func (c *compiler) name(at *position, slot int, key, name string) string {
	if slot <= headerSlot || key != name {
		return c.quoteText(",", name, ":")
	}
	at = at.find()
	if at.names == nil {
		at.names = at.memory.keys.Make(len(at.keys))
	}
	if at.names[slot-1] == "" {
		at.names[slot-1] = c.quoteText(",", name, ":")
	}
	return at.names[slot-1]
}

func (c *compiler) path(path []plan.Segment) ([]segment, *position) {
	at := c.root.find()
	segments := make([]segment, len(path))
	for i, s := range path {
		slot, below := at.slot(s.StorageKey)
		at.noteRead(slot)
		segments[i] = segment{storageKey: s.StorageKey, slot: slot, types: c.set(s.Types)}
		at = below
	}
	return segments, at
}

func (c *compiler) shape(selections plan.Selections, at *position) *shape {
	fields := flat(selections)
	s := c.shapes.New()
	s.size, s.fields = at.size(), c.shapeFields.Make(len(fields))
	for i := range fields {
		f := fields[i].(*plan.SelectedField)
		slot, below := at.slot(f.StorageKey)
		name := c.name(at, slot, f.StorageKey, f.ResponseKey)
		key := name[1 : len(name)-1]
		s.fields[i] = shapeField{text: unsafe.StringData(key), length: uint32(len(key)), slot: int32(slot)}
		if f.StorageKey != f.ResponseKey {
			c.storedAs(s)[i] = f.StorageKey
		}
		if f.Selections != nil && slot != headerSlot {
			s.fields[i].child = c.shape(f.Selections, below)
		}
	}
	at.noteShape(s)
	return s
}

// storedAs returns the storage keys of a shape that are not the response keys, to be set.
func (c *compiler) storedAs(s *shape) []string {
	p := c.program
	if s.storedAs == 0 {
		p.storedAs = append(p.storedAs, make([]string, len(s.fields)))
		s.storedAs = uint32(len(p.storedAs))
	}
	return p.storedAs[s.storedAs-1]
}

func (c *compiler) representation(fields []plan.RepresentationField, at *position) []representationField {
	if len(fields) == 0 {
		return nil
	}
	compiled := make([]representationField, len(fields))
	for i, f := range fields {
		slot, below := at.slot(f.StorageKey)
		at.noteRead(slot)
		compiled[i] = representationField{
			name: c.name(at, slot, f.StorageKey, f.Name), storageKey: f.StorageKey, slot: int32(slot), on: c.set(f.On), nested: f.Fields != nil,
			kind: inputKind(f.Kind), fields: c.representation(f.Fields, below),
		}
		if f.Type != "" {
			compiled[i].typ = c.typ(f.Type)
		}
	}
	return compiled
}

func (c *compiler) selection(typ *declaredType, fields []*plan.Field, at *position) (*selection, error) {
	sel := c.selections.New()
	sel.typ, sel.fields = typ, c.fields.Make(len(fields))
	c.noteSelection(at, sel)
	for i, f := range fields {
		compiled := &sel.fields[i]
		slot, below := at.slot(f.StorageKey)
		*compiled = field{
			name: c.name(at, slot, f.StorageKey, f.ResponseKey), slot: int32(slot), typ: c.typ(f.Type), special: c.special(f),
		}
		compiled.lists = compiled.typ.lists()
		if compiled.on() != nil {
			sel.conditional, c.program.conditional = true, true
		}
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
		if compiled.kind != compositeValue {
			continue
		}
		name := compiled.typ.name
		if compiled.sel, err = c.selection(compiled.typ, f.Fields, below); err != nil {
			return nil, err
		}
		if f.Kind == plan.Object {
			compiled.sel.declared = c.typeID(name)
			compiled.sel.possible = c.set([]string{name})
			continue
		}
		possible := c.plan.PossibleTypes[name]
		if possible == nil {
			possible = []string{} // none, instead of all
		}
		compiled.sel.possible = c.set(possible)
		compiled.sel.declared = compiled.sel.possible.only(len(c.program.quoted))
	}
	return sel, nil
}

// typ returns a type by its text. If it has too many lists, compiling fails.
func (c *compiler) typ(text string) *declaredType {
	t, err := c.declared.of(text)
	if err != nil {
		c.failed = err
		t = &declaredType{nonNull: make([]bool, 1)}
	}
	return t
}

func sourceOf(f *plan.Field) (source, error) {
	switch f.Source {
	case plan.Stored:
		return storedSource, nil
	case plan.Typename:
		return typenameSource, nil
	case plan.Denied:
		return deniedSource, nil
	case plan.Introspection:
		if f.Introspect == nil {
			return 0, fmt.Errorf("introspection field %q without its selection", f.ResponseKey)
		}
		return introspectionSource, nil
	default:
		return 0, fmt.Errorf("field %q has the unknown source %q", f.ResponseKey, f.Source)
	}
}

// operationField returns an introspection field in the form that
// Options.Introspect takes.
func operationField(f *plan.SelectedField) *operation.Field {
	return &operation.Field{
		Alias: f.ResponseKey, Name: f.Name, Arguments: f.Arguments, Selections: operationSelections(f.Selections),
	}
}

func operationSelections(selections plan.Selections) []operation.Selection {
	var out []operation.Selection
	for _, sel := range selections {
		switch sel := sel.(type) {
		case *plan.SelectedField:
			out = append(out, operationField(sel))
		case *plan.InlineFragment:
			out = append(out, &operation.InlineFragment{TypeCondition: sel.On, Selections: operationSelections(sel.Selections)})
		}
	}
	return out
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
		return 0, fmt.Errorf("field %q has the unknown kind %q", f.ResponseKey, f.Kind)
	}
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	if plainText(s) {
		return append(append(append(b, '"'), s...), '"')
	}
	if needsBackslashes(s) {
		b = append(b, '"')
		for i := range len(s) {
			if s[i] == '"' || s[i] == '\\' {
				b = append(b, '\\')
			}
			b = append(b, s[i])
		}
		return append(b, '"')
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	// The error is impossible: any string can be encoded.
	_ = e.Encode(s)
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// plainText reports whether a text is the same in JSON, as names are.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// needsBackslashes reports whether a text is the same in JSON with a backslash before each quotation
// mark and backslash.
func needsBackslashes(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendKey appends s as the key of a JSON object.
func appendKey(b []byte, s string) []byte { return append(appendString(b, s), ':') }
