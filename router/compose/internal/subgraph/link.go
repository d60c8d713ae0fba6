package subgraph

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"souk/router/compose/internal/report"
	"souk/router/compose/internal/schema"
)

// Identities of specifications.
const (
	linkIdentity         = "https://specs.apollo.dev/link"
	federationIdentity   = "https://specs.apollo.dev/federation"
	ConnectIdentity      = "https://specs.apollo.dev/connect"
	JoinIdentity         = "https://specs.apollo.dev/join"
	coreIdentity         = "https://specs.apollo.dev/core"
	tagIdentity          = "https://specs.apollo.dev/tag"
	inaccessibleIdentity = "https://specs.apollo.dev/inaccessible"
)

// An Import is an element that a @link imports. Names of directives begin with @.
type Import struct{ Name, As string }

// InSchema returns the name under which the element is imported.
func (i Import) InSchema() string {
	if i.As != "" {
		return i.As
	}
	return i.Name
}

// A Feature is a specification that a schema links.
type Feature struct {
	URL     SpecURL
	Alias   string // prefix of its elements
	Imports []Import
	Applied *schema.Directive // the @link
}

// DirectiveName returns the name that a directive of the specification has in the
// schema.
func (f *Feature) DirectiveName(name string) string {
	for _, i := range f.Imports {
		if i.Name == "@"+name {
			return i.InSchema()[1:]
		}
	}
	return DefaultName(f.URL, f.Alias, name)
}

// DefaultName returns the name of a directive that is not imported.
func DefaultName(url SpecURL, alias, directive string) string {
	if directive == url.Name {
		return alias
	}
	return alias + "__" + directive
}

// TypeName returns the name that a type of the specification has in the schema.
func (f *Feature) TypeName(name string) string {
	for _, i := range f.Imports {
		if i.Name == name {
			return i.InSchema()
		}
	}
	return f.Alias + "__" + name
}

// Links are the specifications that a schema links.
type Links struct {
	Features  []*Feature
	aliases   map[string]*Feature
	imported  map[string]imported // name in the schema → element
	conflicts map[string]string   // unused alias → an import with that prefix
}

type imported struct {
	feature *Feature
	name    string // in the specification
}

func newLinks() *Links {
	return &Links{aliases: map[string]*Feature{}, imported: map[string]imported{}, conflicts: map[string]string{}}
}

// Find returns the feature, or nil.
func (l *Links) Find(identity string) *Feature {
	if l == nil {
		return nil
	}
	for _, f := range l.Features {
		if f.URL.Identity == identity {
			return f
		}
	}
	return nil
}

// Source returns the feature of an element and its name in the specification, which
// is empty if the element is imported under another name.
func (l *Links) Source(name string, directive bool) (feature *Feature, element string) {
	if l == nil {
		return nil, ""
	}
	at := ""
	if directive {
		at = "@"
	}
	if i, ok := l.imported[at+name]; ok {
		return i.feature, strings.TrimPrefix(i.name, "@")
	}
	feature, element = l.byDefault(name, directive)
	if feature != nil && slices.ContainsFunc(feature.Imports, func(i Import) bool { return i.Name == at+element }) {
		return feature, ""
	}
	return feature, element
}

// byDefault returns the feature of an element that has its default name.
func (l *Links) byDefault(name string, directive bool) (*Feature, string) {
	if alias, element, prefixed := strings.Cut(name, "__"); prefixed && l.aliases[alias] != nil {
		return l.aliases[alias], element
	}
	if f := l.aliases[name]; f != nil && directive {
		return f, f.URL.Name
	}
	return nil, ""
}

var aliasPattern = regexp.MustCompile(`^[_A-Za-z][_0-9A-Za-z.-]*$`)

// add adds a feature if its names do not conflict with others.
func (l *Links) add(f *Feature) error {
	if l.Find(f.URL.Identity) != nil {
		return fmt.Errorf("%s is linked twice; link each specification once", f.URL.Identity)
	}
	if err := l.checkAlias(f); err != nil {
		return err
	}
	names := map[string]string{}
	for _, i := range f.Imports {
		if err := l.checkImport(f, i, names); err != nil {
			return err
		}
	}
	l.aliases[f.Alias] = f
	l.Features = append(l.Features, f)
	return nil
}

// linked returns where the schema links what an implied feature conflicts with: a
// specification of its identity or with one of its names.
func (l *Links) linked(implied *Feature) schema.Position {
	for _, f := range l.Features {
		if f.Applied == nil {
			continue
		}
		taken := func(i Import) bool {
			name, directive := strings.CutPrefix(i.InSchema(), "@")
			return directive && (name == f.Alias || slices.ContainsFunc(f.Imports, func(own Import) bool { return own.InSchema() == i.InSchema() }))
		}
		if f.URL.Identity == implied.URL.Identity || f.Alias == implied.Alias || slices.ContainsFunc(implied.Imports, taken) {
			return f.Applied.Position
		}
	}
	return schema.Position{}
}

func (l *Links) checkAlias(f *Feature) error {
	old := len(f.Imports) == 0 && (f.URL.Identity == tagIdentity && f.Alias == "federation__tag" || f.URL.Identity == inaccessibleIdentity && f.Alias == "federation__inaccessible")
	if strings.Contains(f.Alias, "__") && !old || strings.HasSuffix(f.Alias, "_") || !aliasPattern.MatchString(f.Alias) {
		return fmt.Errorf("%s is linked as %q, which cannot be the prefix of names; choose another name with the argument as", f.URL.Identity, f.Alias)
	}
	if other, used := l.conflicts[f.Alias]; used {
		return l.confused(l.imported[other].feature, f, other)
	}
	if other, used := l.imported["@"+f.Alias]; used {
		return l.confused(other.feature, f, "@"+f.Alias)
	}
	if other := l.aliases[f.Alias]; other != nil {
		return l.confused(other, f, f.Alias)
	}
	return nil
}

func (l *Links) checkImport(f *Feature, i Import, names map[string]string) error {
	directive := strings.HasPrefix(i.Name, "@")
	spec, name := strings.TrimPrefix(i.Name, "@"), strings.TrimPrefix(i.InSchema(), "@")
	if alias, element, prefixed := strings.Cut(name, "__"); prefixed {
		switch other := l.aliases[alias]; {
		case alias == f.Alias && element != spec:
			return fmt.Errorf("the import %q of %s has the default name of another element; choose another name with as", i.InSchema(), f.URL.Identity)
		case alias == f.Alias:
		case other != nil:
			return l.confused(f, other, i.InSchema())
		default:
			l.conflicts[alias] = i.InSchema()
		}
	}
	if directive {
		switch other := l.aliases[name]; {
		case name == f.Alias && spec != f.URL.Name:
			return fmt.Errorf("the import %q of %s has the default name of @%s; choose another name with as", i.InSchema(), f.URL.Identity, f.URL.Name)
		case name != f.Alias && other != nil:
			return l.confused(f, other, i.InSchema())
		}
	}
	if before, twice := names[i.Name]; twice && before != i.InSchema() {
		return fmt.Errorf("%q of %s is imported as %q and as %q; import it once", i.Name, f.URL.Identity, before, i.InSchema())
	}
	names[i.Name] = i.InSchema()
	if other, used := l.imported[i.InSchema()]; used && (other.feature.URL.Identity != f.URL.Identity || other.name != i.Name) {
		return l.confused(f, other.feature, i.InSchema())
	}
	l.imported[i.InSchema()] = imported{f, i.Name}
	return nil
}

func (l *Links) confused(a, b *Feature, name string) error {
	return fmt.Errorf("the name %q belongs to both %s and %s; choose another name with the argument as or in the import", name, a.URL.Identity, b.URL.Identity)
}

var importPattern = regexp.MustCompile(`^@?[_A-Za-z][_0-9A-Za-z]*$`)

// readImports reads the argument import of @link. known are the elements of the
// specification, nil if it is unknown.
func readImports(value *schema.Value, known []string) (imports []Import, problems []string) {
	if value.IsNull() {
		return nil, nil
	}
	items := value.List
	if value.Kind != schema.ListValue {
		items = []*schema.Value{value}
	}
	for _, item := range items {
		i, problem := readImport(item)
		if problem == "" && known != nil && !slices.Contains(known, i.Name) {
			problem = fmt.Sprintf("there is no %q to import.", i.Name)
			if slices.Contains(known, "@"+i.Name) {
				problem += fmt.Sprintf(" Did you mean the directive \"@%s\"?", i.Name)
			} else {
				problem += report.DidYouMean(i.Name, known)
			}
		}
		if problem != "" {
			problems = append(problems, problem)
			continue
		}
		imports = append(imports, i)
	}
	return imports, problems
}

func readImport(item *schema.Value) (i Import, problem string) {
	if item.IsText() {
		return Import{Name: item.Raw}, ""
	}
	if item.Kind != schema.ObjectValue {
		return i, `an import is a name or {name: "@a", as: "@b"}`
	}
	for _, f := range item.Object {
		if !f.Value.IsText() || !importPattern.MatchString(f.Value.Raw) {
			return i, fmt.Sprintf("the %s of an import must be a GraphQL name in quotes", f.Name)
		}
		switch f.Name {
		case "name":
			i.Name = f.Value.Raw
		case "as":
			i.As = f.Value.Raw
		default:
			return i, fmt.Sprintf("an import has no field %q, only name and as", f.Name)
		}
	}
	if i.Name == "" {
		return i, "an import has no name"
	}
	if i.As != "" && strings.HasPrefix(i.Name, "@") != strings.HasPrefix(i.As, "@") {
		return i, fmt.Sprintf("%q is imported as %q: both or neither must begin with @", i.Name, i.As)
	}
	return i, ""
}

// Owns reports whether an element of a schema belongs to the specification.
func (f *Feature) Owns(name string, directive bool) bool {
	if strings.HasPrefix(name, f.Alias+"__") || directive && name == f.Alias {
		return true
	}
	if directive {
		name = "@" + name
	}
	return slices.ContainsFunc(f.Imports, func(i Import) bool { return i.InSchema() == name })
}
