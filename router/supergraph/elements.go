package supergraph

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// elements collects the elements of a supergraph by their names.
type elements struct {
	*reader
	all map[string]*element
}

func elementsOf(sdl string) (map[string]*element, error) {
	r, err := read(sdl, nil, func() {})
	if err != nil {
		return nil, err
	}
	e := &elements{reader: r, all: map[string]*element{}}
	for _, g := range r.model.Subgraphs {
		e.put("subgraph "+g.Name, "", shown(g.URL)).secret = g.URL
	}
	for _, s := range append(r.doc.Schema, r.doc.SchemaExtension...) {
		e.schema(s)
	}
	for _, d := range r.doc.Directives {
		if !r.machinery(d.Name) {
			e.definition(d)
		}
	}
	for _, d := range append(r.doc.Definitions, r.doc.Extensions...) {
		if !r.machinery(d.Name) {
			e.typ(d)
		}
	}
	return e.all, nil
}

// urls finds the URLs in the arguments of directives and in descriptions.
var urls = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^\s"\\]+`)

// put adds a part of an element. URLs in it are shown without credentials and query.
func (e *elements) put(name, owner, part string) *element {
	one := e.all[name]
	if one == nil {
		one = &element{owner: owner}
		e.all[name] = one
	}
	clean := part
	if strings.Contains(part, "://") {
		clean = urls.ReplaceAllStringFunc(part, shown)
	}
	if clean != "" && !slices.Contains(one.parts, clean) {
		one.parts = append(one.parts, clean)
	}
	if clean != part {
		one.secret += part
	}
	return one
}

func (e *elements) description(of, text string) {
	if text != "" {
		e.put(of+" description", of, text)
	}
}

func (e *elements) schema(s *ast.SchemaDefinition) {
	e.put("schema", "", "")
	e.description("schema", s.Description)
	for _, t := range s.OperationTypes {
		e.put("schema "+string(t.Operation), "", t.Type)
	}
	for _, d := range s.Directives {
		if d.Name != "link" && d.Name != "core" {
			e.directive("schema", d)
			continue
		}
		of := cmp.Or(stringArgument(d, "url"), stringArgument(d, "feature"))
		e.put("schema @"+d.Name+"("+of+")", "", arguments(d.Arguments, "url", "feature"))
	}
}

func (e *elements) definition(d *ast.DirectiveDefinition) {
	name := "directive @" + d.Name
	var text []string
	if len(d.Arguments) > 0 {
		text = append(text, signature(d.Arguments))
	}
	if d.IsRepeatable {
		text = append(text, "repeatable")
	}
	var places []string
	for _, l := range d.Locations {
		places = append(places, string(l))
	}
	slices.Sort(places)
	e.put(name, "", strings.Join(append(text, "on", strings.Join(places, " | ")), " "))
	e.description(name, d.Description)
}

var kindNames = map[ast.DefinitionKind]string{
	ast.Scalar: "scalar", ast.Enum: "enum", ast.Object: "type", ast.Interface: "interface", ast.Union: "union", ast.InputObject: "input",
}

func (e *elements) typ(d *ast.Definition) {
	e.put(d.Name, "", kindNames[d.Kind])
	e.description(d.Name, d.Description)
	for _, name := range d.Interfaces {
		e.put(d.Name+" implements "+name, d.Name, "")
	}
	for _, name := range d.Types {
		e.put(d.Name+" | "+name, "", "member")
	}
	e.directives(d.Name, d.Directives)
	for _, v := range d.EnumValues {
		name := d.Name + "." + v.Name
		e.put(name, "", "value")
		e.description(name, v.Description)
		e.directives(name, v.Directives)
	}
	for _, f := range d.Fields {
		e.field(d.Name, f)
	}
}

func (e *elements) field(parent string, f *ast.FieldDefinition) {
	name := parent + "." + f.Name
	value := withDefault(f.Type, f.DefaultValue) + e.from(parent, f.Name)
	one := e.put(name, "", value)
	if len(f.Arguments) > 0 {
		one.whole = signature(f.Arguments) + " " + value
	}
	e.description(name, f.Description)
	e.directives(name, f.Directives)
	for _, a := range f.Arguments {
		of := name + "(" + a.Name + ":)"
		e.put(of, name, withDefault(a.Type, a.DefaultValue))
		e.description(of, a.Description)
		e.directives(of, a.Directives)
	}
}

// from names the subgraphs that resolve a field without override labels.
func (e *elements) from(parent, name string) string {
	t := e.types[parent]
	if t == nil || t.Kind == InputObject || t.Field(name) == nil {
		return ""
	}
	var by []string
	for _, in := range t.Field(name).In {
		if in.Resolves(noLabel) {
			by = append(by, in.Subgraph.Name)
		}
	}
	if len(by) == 0 {
		return ""
	}
	return " from " + strings.Join(by, ", ")
}

func signature(list ast.ArgumentDefinitionList) string {
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = a.Name + ": " + withDefault(a.Type, a.DefaultValue)
	}
	return "(" + strings.Join(texts, ", ") + ")"
}

func withDefault(t *ast.Type, value *ast.Value) string {
	if value == nil {
		return t.String()
	}
	return t.String() + " = " + value.String()
}

func (e *elements) directives(of string, list ast.DirectiveList) {
	for _, d := range list {
		e.directive(of, d)
	}
}

// directive adds a directive. Those of the join specification are shown as the directives of
// the subgraph that they come from.
func (e *elements) directive(of string, d *ast.Directive) {
	in := ""
	if name := stringArgument(d, "graph"); name != "" && e.graphs[name] != nil {
		in = " in " + e.graphs[name].Name
	}
	switch e.federated(d.Name) {
	case "join__type":
		e.put(of+in, of, "")
		e.key(of, in, d)
		e.flags(of, in, d, map[string]string{"isInterfaceObject": "@interfaceObject", "extension": "@extends"})
	case "join__field":
		e.present(of, in, d)
		e.sourced(of, in, d)
		e.flags(of, in, d, map[string]string{"external": "@external", "usedOverridden": "used, though overridden,"})
	case "join__implements":
		e.put(of+" implements "+stringArgument(d, "interface")+in, of, "")
	case "join__unionMember":
		member := of + " | " + stringArgument(d, "member")
		e.put(member+in, member, "")
	case "join__enumValue":
		e.put(of+in, of, "")
	case "join__directive":
		applied := e.joined(d)
		part := appliedArguments(applied)
		for _, g := range applied.Subgraphs {
			e.put(of+" @"+applied.Name+" in "+g.Name, of, part)
		}
		if len(applied.Subgraphs) == 0 {
			e.put(of+" @"+applied.Name, of, part)
		}
	default:
		e.put(of+" @"+d.Name+in, of, arguments(d.Arguments, "graph"))
	}
}

// present adds that a subgraph has a field, unless the field says so itself: as one that the
// subgraph resolves, or as an external one.
func (e *elements) present(of, in string, d *ast.Directive) {
	parent, name, _ := strings.Cut(of, ".")
	if in == "" || boolArgument(d, "external", false) || e.types[parent] == nil {
		return
	}
	f, g := e.types[parent].Field(name), e.graphs[stringArgument(d, "graph")]
	if f == nil {
		return
	}
	if one := f.InSubgraph(g); f.Parent.Kind == InputObject || one != nil && !one.Resolves(noLabel) {
		e.put(of+in, of, "")
	}
}

func noLabel(string) bool { return false }

func (e *elements) key(of, in string, d *ast.Directive) {
	key := d.Arguments.ForName("key")
	if key == nil {
		return
	}
	state := "resolvable"
	if !boolArgument(d, "resolvable", true) {
		state = "not resolvable"
	}
	e.put(of+" @key("+key.Value.String()+")"+in, of, state)
}

// sourced adds what a join__field says of a field in a subgraph.
func (e *elements) sourced(of, in string, d *ast.Directive) {
	label := d.Arguments.ForName("overrideLabel")
	for _, a := range d.Arguments {
		value := a.Value.String()
		switch a.Name {
		case "graph", "external", "usedOverridden", "overrideLabel":
		case "type":
			e.put(of+" type"+in, of, value)
		case "override":
			if label != nil {
				value += ", label: " + label.Value.String()
			}
			e.put(of+" @override"+in, of, "from: "+value)
		default: // requires, provides, contextArguments
			e.put(of+" @"+a.Name+in, of, value)
		}
	}
}

// flags adds the arguments that are true.
func (e *elements) flags(of, in string, d *ast.Directive, names map[string]string) {
	for argument, name := range names {
		if boolArgument(d, argument, false) {
			e.put(of+" "+name+in, of, "")
		}
	}
}

// arguments returns arguments as text, sorted by name, without some.
func arguments(list ast.ArgumentList, without ...string) string {
	var texts []string
	for _, a := range list {
		if !slices.Contains(without, a.Name) {
			texts = append(texts, a.Name+": "+a.Value.String())
		}
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

func appliedArguments(d Directive) string {
	texts := make([]string, len(d.Arguments))
	for i, a := range d.Arguments {
		texts[i] = a.Name + ": " + a.Value
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}
