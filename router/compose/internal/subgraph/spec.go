package subgraph

import (
	"slices"
	"strings"

	"souk/router/compose/internal/schema"
)

// A Spec is a version of a specification that composition knows.
type Spec struct {
	url        SpecURL
	MinVersion Version // of Federation, that the specification implies; zero if none
	types      []*typeSpec
	directives []*DirectiveSpec
}

// A DirectiveSpec defines a directive of a specification.
type DirectiveSpec struct {
	Name        string
	locations   []string
	repeatable  bool
	arguments   []ArgumentSpec
	Composition *Composition // nil if it is not composed
}

// An ArgumentSpec defines an argument or an input field. In its type, # stands
// before the name of a type of the same specification.
type ArgumentSpec struct {
	Name     string
	Type     string
	Default  *schema.Value
	Strategy string // that merges different values; see package merge
}

// A Composition says how a directive is part of the supergraph.
type Composition struct {
	Spec      SpecURL // that the supergraph links
	Purpose   string  // of that link; may be empty
	Join      bool    // applied as @join__directive
	Qualified bool    // the argument name gets the name of the subgraph as prefix
}

// A typeSpec defines a type of a specification: a scalar, or an input object if it
// has fields, or an enum if it has values.
type typeSpec struct {
	name   string
	fields []ArgumentSpec
	values []string
}

func (t *typeSpec) kind() schema.Kind {
	switch {
	case t.fields != nil:
		return schema.Input
	case t.values != nil:
		return schema.Enum
	}
	return schema.Scalar
}

// Directive returns the directive, or nil.
func (s *Spec) Directive(name string) *DirectiveSpec {
	for _, d := range s.directives {
		if d.Name == name {
			return d
		}
	}
	return nil
}

// Strategies returns the arguments with a strategy.
func (d *DirectiveSpec) Strategies() []ArgumentSpec {
	return slices.DeleteFunc(slices.Clone(d.arguments), func(a ArgumentSpec) bool { return a.Strategy == "" })
}

func (s *Spec) elements() []string {
	if s.url.Identity == linkIdentity {
		return []string{"@link", "Purpose", "Import"}
	}
	var all []string
	for _, d := range s.directives {
		all = append(all, "@"+d.Name)
	}
	for _, t := range s.types {
		all = append(all, t.name)
	}
	return all
}

const apollo = "https://specs.apollo.dev/"

func specURL(name string, major, minor int) SpecURL {
	return SpecURL{Identity: apollo + name, Name: name, Version: Version{major, minor}}
}

func locations(text string) []string { return strings.Fields(text) }

// latestFederation is the newest version of Federation that is known.
const latestFederation = 14

// KnownSpec returns the specification, or nil if it or its version is unknown.
func KnownSpec(url SpecURL) *Spec { return knownSpecs[url.Identity][url.Version] }

var knownSpecs = func() map[string]map[Version]*Spec {
	all := map[string]map[Version]*Spec{}
	add := func(name string, major, minor int, min Version, spec Spec) {
		spec.url, spec.MinVersion = specURL(name, major, minor), min
		if all[spec.url.Identity] == nil {
			all[spec.url.Identity] = map[Version]*Spec{}
		}
		all[spec.url.Identity][spec.url.Version] = &spec
	}
	none := Version{}
	for minor := range latestFederation + 1 {
		add("federation", 2, minor, none, federationSpec(minor))
	}
	add("link", 1, 0, Version{2, 0}, Spec{})
	add("tag", 0, 1, none, Spec{directives: []*DirectiveSpec{tagSpec(1)}})
	add("tag", 0, 2, none, Spec{directives: []*DirectiveSpec{tagSpec(2)}})
	add("tag", 0, 3, Version{2, 0}, Spec{directives: []*DirectiveSpec{tagSpec(3)}})
	add("inaccessible", 0, 1, none, Spec{directives: []*DirectiveSpec{inaccessibleSpec(1)}})
	add("inaccessible", 0, 2, Version{2, 0}, Spec{directives: []*DirectiveSpec{inaccessibleSpec(2)}})
	add("authenticated", 0, 1, Version{2, 5}, Spec{directives: []*DirectiveSpec{authenticatedSpec}})
	add("requiresScopes", 0, 1, none, Spec{types: []*typeSpec{{name: "Scope"}}, directives: []*DirectiveSpec{scopesSpec}})
	add("policy", 0, 1, none, Spec{types: []*typeSpec{{name: "Policy"}}, directives: []*DirectiveSpec{policySpec}})
	add("context", 0, 1, none, Spec{types: []*typeSpec{{name: "ContextFieldValue"}}, directives: contextSpecs})
	add("cost", 0, 1, Version{2, 9}, Spec{directives: costSpecs})
	for minor := 1; minor <= 4; minor++ {
		add("connect", 0, minor, Version{2, 9 + minor}, connectSpec)
	}
	return all
}()

// federationSpec returns the elements of Federation 2.minor.
func federationSpec(minor int) Spec {
	spec := Spec{types: []*typeSpec{{name: "FieldSet"}}}
	add := func(since int, directives ...*DirectiveSpec) {
		if minor >= since {
			spec.directives = append(spec.directives, directives...)
		}
	}
	tag := tagSpec(2)
	if minor >= 3 {
		tag = tagSpec(3)
	}
	override := &DirectiveSpec{Name: "override", locations: locations("FIELD_DEFINITION"), arguments: []ArgumentSpec{{Name: "from", Type: "String!"}}}
	if minor >= 7 {
		override.arguments = append(override.arguments, ArgumentSpec{Name: "label", Type: "String"})
	}
	add(0, federation1Directives(tag)...)
	add(0,
		&DirectiveSpec{Name: "shareable", locations: locations("OBJECT FIELD_DEFINITION"), repeatable: minor >= 2},
		inaccessibleSpec(2), override)
	add(1, &DirectiveSpec{Name: "composeDirective", locations: locations("SCHEMA"), repeatable: true, arguments: []ArgumentSpec{{Name: "name", Type: "String"}}})
	add(3, &DirectiveSpec{Name: "interfaceObject", locations: locations("OBJECT")})
	add(5, authenticatedSpec, scopesSpec)
	add(6, policySpec)
	add(8, contextSpecs...)
	add(9, costSpecs...)
	add(12, &DirectiveSpec{Name: "cacheTag", locations: locations("OBJECT FIELD_DEFINITION"), repeatable: true,
		arguments:   []ArgumentSpec{{Name: "format", Type: "String!"}},
		Composition: &Composition{Spec: specURL("cacheTag", 0, 1), Purpose: "EXECUTION", Join: true}})
	for since, name := range map[int]string{5: "Scope", 6: "Policy", 8: "ContextFieldValue"} {
		if minor >= since {
			spec.types = append(spec.types, &typeSpec{name: name})
		}
	}
	return spec
}

// federation1Directives are the directives of Federation 1, which Federation 2 has too.
func federation1Directives(tag *DirectiveSpec) []*DirectiveSpec {
	fields := ArgumentSpec{Name: "fields", Type: "#FieldSet!"}
	return []*DirectiveSpec{
		{Name: "key", locations: locations("OBJECT INTERFACE"), repeatable: true, arguments: []ArgumentSpec{fields, {Name: "resolvable", Type: "Boolean", Default: schema.Bool(true)}}},
		{Name: "requires", locations: locations("FIELD_DEFINITION"), arguments: []ArgumentSpec{fields}},
		{Name: "provides", locations: locations("FIELD_DEFINITION"), arguments: []ArgumentSpec{fields}},
		{Name: "external", locations: locations("OBJECT FIELD_DEFINITION"), arguments: []ArgumentSpec{{Name: "reason", Type: "String"}}},
		tag,
		{Name: "extends", locations: locations("OBJECT INTERFACE")},
	}
}

const (
	outputLocations = "FIELD_DEFINITION OBJECT INTERFACE UNION"
	otherLocations  = " ARGUMENT_DEFINITION SCALAR ENUM ENUM_VALUE INPUT_OBJECT INPUT_FIELD_DEFINITION"
	authLocations   = "FIELD_DEFINITION OBJECT INTERFACE SCALAR ENUM"
)

func tagSpec(minor int) *DirectiveSpec {
	where := outputLocations
	if minor >= 2 {
		where += otherLocations
	}
	if minor >= 3 {
		where += " SCHEMA"
	}
	return &DirectiveSpec{Name: "tag", locations: locations(where), repeatable: true,
		arguments: []ArgumentSpec{{Name: "name", Type: "String!"}}, Composition: &Composition{Spec: specURL("tag", 0, 3)}}
}

func inaccessibleSpec(minor int) *DirectiveSpec {
	where := outputLocations
	if minor >= 2 {
		where += otherLocations
	}
	return &DirectiveSpec{Name: "inaccessible", locations: locations(where),
		Composition: &Composition{Spec: specURL("inaccessible", 0, 2), Purpose: "SECURITY"}}
}

var (
	authenticatedSpec = &DirectiveSpec{Name: "authenticated", locations: locations(authLocations),
		Composition: &Composition{Spec: specURL("authenticated", 0, 1), Purpose: "SECURITY"}}
	scopesSpec = &DirectiveSpec{Name: "requiresScopes", locations: locations(authLocations),
		arguments:   []ArgumentSpec{{Name: "scopes", Type: "[[#Scope!]!]!", Strategy: "DNF_CONJUNCTION"}},
		Composition: &Composition{Spec: specURL("requiresScopes", 0, 1), Purpose: "SECURITY"}}
	policySpec = &DirectiveSpec{Name: "policy", locations: locations(authLocations),
		arguments:   []ArgumentSpec{{Name: "policies", Type: "[[#Policy!]!]!", Strategy: "DNF_CONJUNCTION"}},
		Composition: &Composition{Spec: specURL("policy", 0, 1), Purpose: "SECURITY"}}
	contextSpecs = []*DirectiveSpec{
		{Name: "context", locations: locations("INTERFACE OBJECT UNION"), repeatable: true, arguments: []ArgumentSpec{{Name: "name", Type: "String!"}},
			Composition: &Composition{Spec: specURL("context", 0, 1), Purpose: "SECURITY", Qualified: true}},
		{Name: "fromContext", locations: locations("ARGUMENT_DEFINITION"), arguments: []ArgumentSpec{{Name: "field", Type: "#ContextFieldValue"}}},
	}
	costSpecs = []*DirectiveSpec{
		{Name: "cost", locations: locations("ARGUMENT_DEFINITION ENUM FIELD_DEFINITION INPUT_FIELD_DEFINITION OBJECT SCALAR"),
			arguments:   []ArgumentSpec{{Name: "weight", Type: "Int!", Strategy: "MAX"}},
			Composition: &Composition{Spec: specURL("cost", 0, 1)}},
		{Name: "listSize", locations: locations("FIELD_DEFINITION"),
			arguments: []ArgumentSpec{
				{Name: "assumedSize", Type: "Int", Strategy: "NULLABLE_MAX"},
				{Name: "slicingArguments", Type: "[String!]", Strategy: "NULLABLE_UNION"},
				{Name: "sizedFields", Type: "[String!]", Strategy: "NULLABLE_UNION"},
				{Name: "requireOneSlicingArgument", Type: "Boolean", Default: schema.Bool(true), Strategy: "NULLABLE_AND"},
			},
			Composition: &Composition{Spec: specURL("cost", 0, 1)}},
	}
)

// connectSpec is the specification of connectors.
var connectSpec = Spec{
	types: []*typeSpec{
		{name: "URLPathTemplate"},
		{name: "JSONSelection"},
		{name: "ConnectorErrors", fields: []ArgumentSpec{{Name: "message", Type: "#JSONSelection"}, {Name: "extensions", Type: "#JSONSelection"}}},
		{name: "HTTPHeaderMapping", fields: []ArgumentSpec{{Name: "name", Type: "String!"}, {Name: "from", Type: "String"}, {Name: "value", Type: "String"}}},
		{name: "ConnectBatch", fields: []ArgumentSpec{{Name: "maxSize", Type: "Int"}}},
		{name: "SourceHTTP", fields: []ArgumentSpec{
			{Name: "baseURL", Type: "String!"}, {Name: "headers", Type: "[#HTTPHeaderMapping!]"},
			{Name: "path", Type: "#JSONSelection"}, {Name: "queryParams", Type: "#JSONSelection"}}},
		{name: "ConnectHTTP", fields: []ArgumentSpec{
			{Name: "GET", Type: "#URLPathTemplate"}, {Name: "POST", Type: "#URLPathTemplate"}, {Name: "PUT", Type: "#URLPathTemplate"},
			{Name: "PATCH", Type: "#URLPathTemplate"}, {Name: "DELETE", Type: "#URLPathTemplate"},
			{Name: "body", Type: "#JSONSelection"}, {Name: "headers", Type: "[#HTTPHeaderMapping!]"},
			{Name: "path", Type: "#JSONSelection"}, {Name: "queryParams", Type: "#JSONSelection"}}},
	},
	directives: []*DirectiveSpec{
		{Name: "connect", locations: locations("FIELD_DEFINITION OBJECT"), repeatable: true, arguments: []ArgumentSpec{
			{Name: "source", Type: "String"}, {Name: "id", Type: "String"}, {Name: "http", Type: "#ConnectHTTP"},
			{Name: "batch", Type: "#ConnectBatch"}, {Name: "errors", Type: "#ConnectorErrors"}, {Name: "selection", Type: "#JSONSelection!"},
			{Name: "entity", Type: "Boolean", Default: schema.Bool(false)}, {Name: "isSuccess", Type: "#JSONSelection"}}},
		{Name: "source", locations: locations("SCHEMA"), repeatable: true, arguments: []ArgumentSpec{
			{Name: "name", Type: "String!"}, {Name: "http", Type: "#SourceHTTP!"}, {Name: "errors", Type: "#ConnectorErrors"}, {Name: "isSuccess", Type: "#JSONSelection"}}},
	},
}

// linkTypes and linkDirective are the elements of the link specification.
var (
	linkTypes     = []*typeSpec{{name: "Purpose", values: []string{"SECURITY", "EXECUTION"}}, {name: "Import"}}
	linkDirective = &DirectiveSpec{Name: "link", locations: locations("SCHEMA"), repeatable: true, arguments: []ArgumentSpec{
		{Name: "url", Type: "String"}, {Name: "as", Type: "String"}, {Name: "for", Type: "#Purpose"}, {Name: "import", Type: "[#Import]"}}}
)
