package lint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/internal/filekind"
	"souk/router/compose"
	"souk/router/internal/syntax"
)

// A Rule finds one kind of finding.
type Rule struct {
	Name  string
	Level compose.Level
	About string

	check func(*linter)
}

// Rules are all rules.
var Rules = []Rule{
	{"type-name", compose.LevelWarn, "Names of types are in PascalCase.", (*linter).typeNames},
	{"field-name", compose.LevelWarn, "Names of fields, arguments and input fields are in camelCase.", (*linter).fieldNames},
	{"enum-value-name", compose.LevelWarn, "Names of enum values are in UPPER_CASE.", (*linter).enumValueNames},
	{"description", compose.LevelInfo, "Types, fields and input fields have a description, at least in one subgraph.", (*linter).descriptions},
	{"deprecation-reason", compose.LevelWarn, "@deprecated has a reason, which says what to use instead.", (*linter).deprecationReasons},
	{"missing-key", compose.LevelInfo, "An object type with a field id: ID! that only lists return has a @key: without one, no subgraph can add fields to it, and nothing can load one object again.", (*linter).missingKeys},
	{"n-plus-one", compose.LevelWarn, "A list of entities to which other subgraphs add fields has an argument or @listSize that limits it, or is in a page that has one, or the other subgraphs load entities in a batch, with @entityResolver(multi: true) of gqlgen.", (*linter).unlimitedLists},
}

// Lint returns the findings in the schemas of subgraphs, in the order of their places. It
// leaves out the rules that are named in off.
func Lint(subgraphs []compose.Subgraph, off []string) ([]compose.Hint, error) {
	for _, name := range off {
		if !slices.ContainsFunc(Rules, func(r Rule) bool { return r.Name == name }) {
			return nil, fmt.Errorf("there is no rule %q; the rules are %s", name, strings.Join(names(), ", "))
		}
	}
	l := &linter{}
	for _, s := range subgraphs {
		if err := l.read(s); err != nil {
			return nil, err
		}
	}
	for _, r := range Rules {
		if !slices.Contains(off, r.Name) {
			l.rule = r
			r.check(l)
		}
	}
	slices.SortStableFunc(l.findings, func(a, b compose.Hint) int {
		x, y := a.Locations[0], b.Locations[0]
		return cmp.Or(strings.Compare(x.Subgraph, y.Subgraph), strings.Compare(x.File, y.File), cmp.Compare(x.Line, y.Line), cmp.Compare(x.Column, y.Column))
	})
	return l.findings, nil
}

func names() (list []string) {
	for _, r := range Rules {
		list = append(list, r.Name)
	}
	return list
}

// A definition is a definition or an extension of a type in a subgraph.
type definition struct {
	*ast.Definition
	subgraph compose.Subgraph
}

type linter struct {
	definitions []definition
	roots       map[string]bool // names of root types
	rule        Rule
	findings    []compose.Hint
}

func (l *linter) read(s compose.Subgraph) error {
	document, err := syntax.Schema(&ast.Source{Name: s.Name, Input: s.SDL}, 0)
	if failed := (*gqlerror.Error)(nil); errors.As(err, &failed) && len(failed.Locations) > 0 {
		return fmt.Errorf("%s: %s%s", s.At(failed.Locations[0].Line, failed.Locations[0].Column), failed.Message, filekind.Hint(s.SDL, filekind.Subgraph, filekind.Schema))
	}
	if err != nil {
		return fmt.Errorf("reading the schema of %s: %w", s.Name, err)
	}
	if len(document.Definitions) == 0 && len(document.Extensions) == 0 {
		return fmt.Errorf("%s: it defines no types; name the file with the schema of a subgraph", s.At(1, 1))
	}
	if document.Definitions.ForName("join__Graph") != nil {
		return fmt.Errorf("%s is a supergraph; name the files of the subgraphs, or the configuration of the composition", s.At(1, 1))
	}
	if l.roots == nil {
		l.roots = map[string]bool{"Query": true, "Mutation": true, "Subscription": true}
	}
	for _, root := range slices.Concat(document.Schema, document.SchemaExtension) {
		for _, t := range root.OperationTypes {
			l.roots[t.Type] = true
		}
	}
	for _, d := range slices.Concat(document.Definitions, document.Extensions) {
		if !strings.Contains(d.Name, "__") && !strings.HasPrefix(d.Name, "_") && d.Name != "FieldSet" {
			l.definitions = append(l.definitions, definition{d, s})
		}
	}
	return nil
}

// add adds a finding about an element.
func (l *linter) add(d definition, at *ast.Position, coordinate, format string, args ...any) {
	l.findings = append(l.findings, compose.Hint{
		Code: l.rule.Name, Level: l.rule.Level, Coordinate: coordinate, Message: fmt.Sprintf(format, args...),
		Locations: []compose.Location{d.subgraph.At(at.Line, at.Column)},
	})
}

// fields calls visit for each field of output types, and for each input field.
func (l *linter) fields(visit func(d definition, f *ast.FieldDefinition)) {
	for _, d := range l.definitions {
		for _, f := range d.Fields {
			if !strings.HasPrefix(f.Name, "_") {
				visit(d, f)
			}
		}
	}
}
