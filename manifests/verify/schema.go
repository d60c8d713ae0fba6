package verify

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	gql "github.com/vektah/gqlparser/v2/ast"
	gqlparser "github.com/vektah/gqlparser/v2/parser"
)

// schemas reads the schemas of the subgraphs, by name. sources is the top directory of the
// repository.
func schemas(sources string) (map[string]*gql.SchemaDocument, error) {
	paths, err := filepath.Glob(filepath.Join(sources, "schema", "*.graphqls"))
	if err != nil {
		return nil, err
	}
	all := map[string]*gql.SchemaDocument{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		document, err := gqlparser.ParseSchema(&gql.Source{Name: path, Input: string(text)})
		if err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(filepath.Base(path), ".graphqls")] = document
	}
	return all, nil
}

// checkPublic wants a schema to declare that all callers get the same data of a type: it has
// @cacheControl without the scope PRIVATE, and no field has that scope or needs a login.
func checkPublic(all map[string]*gql.SchemaDocument, subgraph, name string) error {
	document := all[subgraph]
	if document == nil || document.Definitions.ForName(name) == nil {
		return fmt.Errorf("the subgraph %s has no type %s", subgraph, name)
	}
	control := document.Definitions.ForName(name).Directives.ForName("cacheControl")
	if control == nil || control.Arguments.ForName("maxAge") == nil || control.Arguments.ForName("maxAge").Value.Raw == "0" {
		return fmt.Errorf("the schema of %s does not say with @cacheControl that %s may be cached", subgraph, name)
	}
	for _, other := range all { // a type is as private as in any subgraph
		definition := other.Definitions.ForName(name)
		if definition == nil {
			continue
		}
		if private(definition.Directives) {
			return fmt.Errorf("the type %s is private or needs a login", name)
		}
		if other != document {
			continue // the cache has the fields of one subgraph only
		}
		for _, field := range definition.Fields {
			if private(field.Directives) {
				return fmt.Errorf("the field %s.%s is private or needs a login", name, field.Name)
			}
		}
	}
	return nil
}

// private reports whether directives say that callers get different data.
func private(directives gql.DirectiveList) bool {
	for _, d := range directives {
		switch d.Name {
		case "authenticated", "requiresScopes", "policy":
			return true
		case "cacheControl":
			if scope := d.Arguments.ForName("scope"); scope != nil && scope.Value.Raw == "PRIVATE" {
				return true
			}
		}
	}
	return false
}

// events are what the store's services publish.
type events struct {
	stream    string
	published map[string][]string // types of events by service
}

// publishedEvents reads them from the source of the services.
func publishedEvents(sources string) (*events, error) {
	path := filepath.Join(sources, "subgraphs", "internal", "events", "event.go")
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		return nil, err
	}
	constants := map[string]string{}
	all := &events{published: map[string][]string{}}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		switch value := spec.Values[0].(type) {
		case *ast.BasicLit:
			if text, err := strconv.Unquote(value.Value); err == nil {
				constants[spec.Names[0].Name] = text
			}
		case *ast.CompositeLit:
			if spec.Names[0].Name == "published" {
				all.read(value, constants)
			}
		}
		return true
	})
	if all.stream = constants["Stream"]; all.stream == "" || len(all.published) == 0 {
		return nil, fmt.Errorf("%s has no Stream or no published events", path)
	}
	return all, nil
}

func (e *events) read(literal *ast.CompositeLit, constants map[string]string) {
	for _, element := range literal.Elts {
		entry, ok := element.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		service, types := entry.Key.(*ast.BasicLit), entry.Value.(*ast.CompositeLit)
		name, err := strconv.Unquote(service.Value)
		if err != nil {
			continue
		}
		for _, t := range types.Elts {
			if constant, ok := t.(*ast.Ident); ok {
				e.published[name] = append(e.published[name], constants[constant.Name])
			}
		}
	}
}

// knows reports whether a service publishes events of a type.
func (e *events) knows(event string) bool {
	for _, types := range e.published {
		if slices.Contains(types, event) {
			return true
		}
	}
	return false
}
