package supergraph

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Parse parses a supergraph's SDL. Errors have the position in the text. For a
// text that is not a supergraph, the error says what the text seems to be.
func Parse(sdl string) (*Model, error) { return ParseAfter(sdl, nil, func() {}) }

// ParseAfter is like Parse, and shares with a former model what its types have in common with those
// of the SDL. It calls pause after each piece of work, of less than a millisecond for most
// supergraphs. The former model may be nil.
func ParseAfter(sdl string, former *Model, pause func()) (*Model, error) {
	r, err := read(sdl, former, pause)
	if err != nil && former != nil { // the error has its position only if nothing is shared
		r, err = read(sdl, nil, pause)
	}
	if err != nil {
		return nil, mistaken(sdl, err)
	}
	r.model.APISchema = r.apiSchema()
	return r.result(), nil
}

// Read reads a supergraph from its document. The model has no API schema, and each field has its own
// definitions in subgraphs, by which composition tells fields apart.
func Read(doc *ast.SchemaDocument) (*Model, error) {
	r := newReader(doc, func() {})
	r.apart = true
	for _, def := range doc.Definitions {
		r.order = append(r.order, entry{def: def})
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	return r.result(), nil
}

// result returns the model, without the reader and its document.
func (r *reader) result() *Model {
	model := r.model
	return &model
}

func newReader(doc *ast.SchemaDocument, pause func()) *reader {
	return &reader{doc: doc, pause: pause, types: map[string]*Type{}, common: newCommon(), graphs: map[string]*Subgraph{}, contexts: map[string][]*Type{}, fieldSets: map[string]ast.SelectionSet{}}
}

// read makes all of a model but its API schema.
func (r *reader) read() (err error) {
	if r.features, err = readFeatures(r.doc); err != nil {
		return err
	}
	for _, read := range []func() error{r.readGraphs, r.readTypes, r.readImplements, r.readFields, r.readPossible, r.readFieldSets, r.readRoots, r.readEvents, r.readIdempotent} {
		if err := read(); err != nil {
			return err
		}
		r.pause()
	}
	r.readUnserved()
	r.model.types, r.model.version = r.types, r.version
	r.model.Labels = r.labels()
	return nil
}

// located adds the position to an error of the parser library.
func located(err error) error {
	var e *gqlerror.Error
	if errors.As(err, &e) && len(e.Locations) > 0 {
		return fmt.Errorf("line %d, column %d: %s", e.Locations[0].Line, e.Locations[0].Column, e.Message)
	}
	return err
}

// A reader builds a model in passes; each pass relies on the previous ones.
type reader struct {
	*features
	doc   *ast.SchemaDocument
	model Model
	// order has all types in the order of the SDL; those in doc.Definitions have been parsed.
	order []entry
	// texts are the texts of the definitions that the next model may share.
	texts map[*ast.Definition]string
	// former is the model that the other types come from.
	former *Model
	pause  func()
	types  map[string]*Type
	graphs map[string]*Subgraph // by join__Graph value
	// contexts maps a context to the types that set it.
	contexts map[string][]*Type
	// later reads field sets, which is possible once all fields are known.
	later []func() error
	// fieldSets are the field sets that have been parsed, by their texts.
	fieldSets map[string]ast.SelectionSet
	// common is what types and fields share. If apart is set, each field has its own definitions in
	// subgraphs.
	common common
	apart  bool
	// overrides is set if a field overrides another one.
	overrides bool
}

type implementation struct {
	graph *Subgraph // nil for all subgraphs
	of    *Type
}

func (r *reader) readGraphs() error {
	def := r.doc.Definitions.ForName(r.join + "__Graph")
	if def == nil {
		return fmt.Errorf("the schema has no enum %s__Graph", r.join)
	}
	for _, v := range def.EnumValues {
		d := r.directive(v.Directives, "join__graph")
		if d == nil {
			return place(v.Position, "the enum value %s has no @%s__graph directive", v.Name, r.join)
		}
		g := &Subgraph{Name: stringArgument(d, "name"), URL: stringArgument(d, "url")}
		if g.Name == "" {
			return place(d.Position, "the subgraph of the enum value %s has no name", v.Name)
		}
		if r.model.Subgraph(g.Name) != nil {
			return place(d.Position, "the subgraph name %q is used twice", g.Name)
		}
		r.graphs[v.Name] = g
		r.model.Subgraphs = append(r.model.Subgraphs, g)
	}
	slices.SortFunc(r.model.Subgraphs, func(a, b *Subgraph) int { return strings.Compare(a.Name, b.Name) })
	for i, g := range r.model.Subgraphs {
		g.Index = i
	}
	return nil
}

// directive returns the first application of a directive, by its name in the
// specification, or nil.
func (r *reader) directive(list ast.DirectiveList, name string) *ast.Directive {
	for _, d := range list {
		if r.federated(d.Name) == name {
			return d
		}
	}
	return nil
}

// graph returns the subgraph that a directive names, or nil if it names none.
func (r *reader) graph(d *ast.Directive) (*Subgraph, error) {
	name := stringArgument(d, "graph")
	if name == "" {
		return nil, nil
	}
	g := r.graphs[name]
	if g == nil {
		return nil, place(d.Position, "@%s names the subgraph %s, which the enum %s__Graph does not define", d.Name, name, r.join)
	}
	return g, nil
}

var kinds = map[ast.DefinitionKind]Kind{
	ast.Scalar: Scalar, ast.Enum: Enum, ast.Object: Object, ast.Interface: Interface, ast.Union: Union, ast.InputObject: InputObject,
}

func (r *reader) readTypes() error {
	for _, name := range []string{"Int", "Float", "String", "Boolean", "ID"} {
		r.types[name] = &Type{Name: name, annotations: unannotated}
	}
	for _, def := range r.doc.Definitions {
		if r.machinery(def.Name) {
			continue
		}
		if r.types[def.Name] != nil {
			return place(def.Position, "the type %s is defined twice", def.Name)
		}
		t := &Type{Name: def.Name, text: r.texts[def], Kind: kinds[def.Kind], Fields: make([]*Field, 0, len(def.Fields)), annotations: unannotated}
		r.types[def.Name] = t
		t.Inaccessible = r.directive(def.Directives, "inaccessible") != nil
		said := annotations{Cost: r.cost(def.Directives), Directives: r.applied(def.Directives), Tags: r.tags(def.Directives)}
		var err error
		if said.Authorization, err = r.authorization("the type "+t.Name, def.Directives); err != nil {
			return err
		}
		if !reflect.ValueOf(said).IsZero() {
			t.annotations = &said
		}
		r.readContexts(t, def.Directives)
		if err := r.readTypeIn(t, def); err != nil {
			return err
		}
		for _, v := range def.EnumValues {
			value := &EnumValue{Name: v.Name, Inaccessible: r.directive(v.Directives, "inaccessible") != nil}
			for _, d := range v.Directives {
				if r.federated(d.Name) == "join__enumValue" {
					g, err := r.graph(d)
					if err != nil {
						return err
					}
					value.In = append(value.In, g)
				}
			}
			t.EnumValues = append(t.EnumValues, value)
		}
	}
	if err := r.takeTypes(); err != nil {
		return err
	}
	list := make([]*Type, 0, len(r.types))
	for _, t := range r.types {
		list = append(list, t)
	}
	r.model.sorted = r.sorted(list)
	r.readInterfaceObjects()
	return nil
}

func (r *reader) readTypeIn(t *Type, def *ast.Definition) error {
	for _, d := range def.Directives {
		if r.federated(d.Name) != "join__type" {
			continue
		}
		g, err := r.graph(d)
		if err != nil {
			return err
		}
		if g == nil {
			return place(d.Position, "@%s on %s does not name a subgraph", d.Name, t.Name)
		}
		i, known := slices.BinarySearchFunc(t.In, g, func(in *TypeIn, g *Subgraph) int { return in.Subgraph.Index - g.Index })
		if !known {
			t.In = slices.Insert(t.In, i, &TypeIn{Subgraph: g})
		}
		in := t.In[i]
		if boolArgument(d, "isInterfaceObject", false) {
			in.InterfaceObject = true
		}
		if text := stringArgument(d, "key"); text != "" {
			key := &Key{Resolvable: boolArgument(d, "resolvable", true)}
			in.Keys = append(in.Keys, key)
			r.later = append(r.later, func() error {
				set, err := r.fieldSet(text, t)
				if err != nil {
					return place(d.Position, "a key of %s: %w", t.Name, err)
				}
				key.Fields = set
				return nil
			})
		}
	}
	if len(t.In) == 0 && r.version == 1 { // value types and root types are in all subgraphs
		for _, g := range r.model.Subgraphs {
			t.In = append(t.In, &TypeIn{Subgraph: g})
		}
	}
	return nil
}

func (r *reader) readImplements() error {
	for _, def := range r.doc.Definitions {
		t := r.types[def.Name]
		if t == nil || r.machinery(def.Name) {
			continue
		}
		for _, name := range def.Interfaces {
			i := r.types[name]
			if i == nil || i.Kind != Interface {
				return place(def.Position, "%s implements %s, which is not an interface", t.Name, name)
			}
			t.Interfaces = append(t.Interfaces, i)
		}
		slices.SortFunc(t.Interfaces, byName)
		listed := false
		for _, d := range def.Directives {
			if r.federated(d.Name) != "join__implements" {
				continue
			}
			g, err := r.graph(d)
			if err != nil {
				return err
			}
			i := r.types[stringArgument(d, "interface")]
			if i == nil {
				return place(d.Position, "%s implements %q, which is not an interface", t.Name, stringArgument(d, "interface"))
			}
			t.implements = append(t.implements, implementation{g, i})
			listed = true
		}
		if !listed { // join v0.1, and value types in join v0.2
			for _, i := range t.Interfaces {
				t.implements = append(t.implements, implementation{nil, i})
			}
		}
	}
	return r.takeImplements()
}

func byName(a, b *Type) int { return strings.Compare(a.Name, b.Name) }

// readPossible sets the possible object types of each composite type.
func (r *reader) readPossible() error {
	for _, def := range r.doc.Definitions {
		if def.Kind != ast.Union || r.machinery(def.Name) {
			continue
		}
		if err := r.readMembers(r.types[def.Name], def); err != nil {
			return err
		}
	}
	for _, t := range r.model.sorted {
		r.pause()
		if t.Kind == Object {
			t.addPossible()
		}
	}
	for _, t := range r.model.sorted {
		if !t.Abstract() {
			continue
		}
		t.Possible = r.sorted(t.Possible)
		for _, in := range t.In {
			if in.InterfaceObject {
				in.Possible = t.Possible
			} else {
				in.Possible = r.sorted(in.Possible)
			}
		}
	}
	return nil
}

// compared is how many types are compared between two calls of pause.
const compared = 256

// sorted sorts types by their names, and removes repetitions.
func (r *reader) sorted(list []*Type) []*Type {
	n := 0
	slices.SortFunc(list, func(a, b *Type) int {
		if n++; n%compared == 0 {
			r.pause()
		}
		return byName(a, b)
	})
	return slices.Compact(list)
}

// addPossible adds an object type to the possible types of its interfaces.
func (t *Type) addPossible() {
	t.Possible = []*Type{t}
	for _, in := range t.In {
		in.Possible = t.Possible
	}
	for _, impl := range t.implements {
		for _, in := range impl.of.In {
			if (impl.graph == nil || impl.graph == in.Subgraph) && t.InSubgraph(in.Subgraph) != nil && !in.InterfaceObject {
				in.Possible = append(in.Possible, t)
			}
		}
	}
	for _, i := range t.Interfaces {
		i.Possible = append(i.Possible, t)
	}
}

// readInterfaceObjects lists the types with @interfaceObject.
func (r *reader) readInterfaceObjects() {
	for _, t := range r.model.sorted {
		if slices.ContainsFunc(t.In, func(in *TypeIn) bool { return in.InterfaceObject }) {
			r.model.InterfaceObjects = append(r.model.InterfaceObjects, t.Name)
		}
		r.pause()
	}
}

// readMembers sets the possible types of a union.
func (r *reader) readMembers(t *Type, def *ast.Definition) error {
	for _, name := range def.Types {
		m := r.types[name]
		if m == nil || m.Kind != Object {
			return place(def.Position, "the union %s has the member %s, which is not an object type", t.Name, name)
		}
		t.Possible = append(t.Possible, m)
	}
	listed := false
	for _, d := range def.Directives {
		if r.federated(d.Name) != "join__unionMember" {
			continue
		}
		g, err := r.graph(d)
		if err != nil {
			return err
		}
		m := r.types[stringArgument(d, "member")]
		if g == nil || m == nil || t.InSubgraph(g) == nil {
			return place(d.Position, "@%s on %s does not name a member and a subgraph that defines %s", d.Name, t.Name, t.Name)
		}
		t.InSubgraph(g).Possible = append(t.InSubgraph(g).Possible, m)
		listed = true
	}
	if listed {
		return nil
	}
	for _, in := range t.In { // join v0.1 and v0.2
		for _, m := range t.Possible {
			if m.InSubgraph(in.Subgraph) != nil {
				in.Possible = append(in.Possible, m)
			}
		}
	}
	return nil
}

func (r *reader) readFieldSets() error {
	for _, read := range r.later {
		if err := read(); err != nil {
			return err
		}
		r.pause()
	}
	if err := r.takeFieldSets(); err != nil {
		return err
	}
	if r.version == 1 {
		r.addKeyFields()
	}
	r.markRequired()
	return nil
}

func (r *reader) readRoots() error {
	names := map[ast.Operation]string{ast.Query: "Query", ast.Mutation: "Mutation", ast.Subscription: "Subscription"}
	for _, schema := range append(r.doc.Schema, r.doc.SchemaExtension...) {
		for _, op := range schema.OperationTypes {
			names[op.Operation] = op.Type
			if r.types[op.Type] == nil {
				return place(op.Position, "the %s type %s is not defined", op.Operation, op.Type)
			}
		}
	}
	r.model.Query, r.model.Mutation, r.model.Subscription = r.types[names[ast.Query]], r.types[names[ast.Mutation]], r.types[names[ast.Subscription]]
	if r.model.Query == nil {
		return errors.New("the schema has no query type")
	}
	for _, t := range []*Type{r.model.Query, r.model.Mutation, r.model.Subscription} {
		if t != nil && t.Kind != Object {
			return fmt.Errorf("the root type %s is not an object type", t.Name)
		}
	}
	return nil
}

// labels collects the labels of progressive overrides.
func (r *reader) labels() []Label {
	found := map[string]bool{}
	for _, t := range r.model.sorted {
		if !r.overrides {
			return nil
		}
		r.pause()
		for _, f := range t.Fields {
			for _, in := range f.In {
				if in.Override != nil && in.Override.Label != "" {
					found[in.Override.Label] = true
				}
			}
		}
	}
	var labels []Label
	for _, name := range slices.Sorted(maps.Keys(found)) {
		l := Label{Name: name, Percent: -1}
		if inner, ok := strings.CutPrefix(name, "percent("); ok {
			if x, err := strconv.ParseFloat(strings.TrimSuffix(inner, ")"), 64); err == nil {
				l.Percent = x
			}
		}
		labels = append(labels, l)
	}
	return labels
}
