package subgraphs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"

	"souk/subgraphs"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/servicetest"
)

// notText are texts that no argument accepts, as they stand in JSON.
var notText = map[string]string{
	"NUL":       `"a\u0000b"`,
	"not UTF-8": "\"a\xffb\"",
	"very long": `"` + strings.Repeat("x", 1<<20) + `"`,
}

// Every text argument of every service refuses what is not text, and names its path.
func TestEveryTextArgumentRefusesWhatIsNotText(t *testing.T) {
	for _, service := range subgraphs.Names() {
		t.Run(service, func(t *testing.T) {
			s := start(t, service)
			definitions := load(t, service)
			texts := 0
			for _, root := range []*ast.Definition{definitions.Query, definitions.Mutation} {
				if root == nil {
					continue
				}
				for _, field := range root.Fields {
					for _, path := range textPaths(definitions, field) {
						texts++
						for name, text := range notText {
							refuses(t, s, definitions, root, field, path, name, text)
						}
					}
				}
			}
			if texts == 0 {
				t.Error("the service has no text arguments")
			}
		})
	}
}

func start(t *testing.T, service string) *servicetest.Service {
	t.Helper()
	return servicetest.Start(t, func(ctx context.Context, env server.Environment) error { return subgraphs.Run(ctx, service, env) })
}

func load(t *testing.T, service string) *ast.Schema {
	t.Helper()
	var sources []*ast.Source
	for _, name := range []string{"shared.graphqls", service + ".graphqls"} {
		text, err := os.ReadFile("../schema/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: name, Input: string(text)})
	}
	loaded, err := gqlparser.LoadSchema(append(sources, &ast.Source{Name: "federation", Input: federation})...)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

// federation declares the directives of Federation, without their meaning.
const federation = `
	directive @link(url: String!, import: [String!]) repeatable on SCHEMA
	directive @composeDirective(name: String!) repeatable on SCHEMA
	directive @key(fields: String!) repeatable on OBJECT | INTERFACE
	directive @external on FIELD_DEFINITION
	directive @requires(fields: String!) on FIELD_DEFINITION
	directive @provides(fields: String!) on FIELD_DEFINITION
	directive @shareable on FIELD_DEFINITION | OBJECT
	directive @inaccessible on FIELD_DEFINITION | OBJECT | UNION | INPUT_OBJECT
	directive @cost(weight: Int!) on FIELD_DEFINITION
	directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION`

// textPaths returns the paths to the texts in a field's arguments, such as
// input.lines.0.productId.
func textPaths(s *ast.Schema, field *ast.FieldDefinition) (paths [][]string) {
	for _, argument := range field.Arguments {
		paths = append(paths, below(s, argument.Type, []string{argument.Name})...)
	}
	return paths
}

func below(s *ast.Schema, t *ast.Type, path []string) (paths [][]string) {
	if t.Elem != nil {
		return below(s, t.Elem, append(slices.Clone(path), "0"))
	}
	switch definition := s.Types[t.NamedType]; {
	case definition.Kind == ast.InputObject:
		for _, field := range definition.Fields {
			paths = append(paths, below(s, field.Type, append(slices.Clone(path), field.Name))...)
		}
	case definition.Name == "String", definition.Name == "ID":
		paths = append(paths, path)
	}
	return paths
}

// jsonValue returns a JSON value of a type: text at the path, and elsewhere only what is
// required.
func jsonValue(s *ast.Schema, t *ast.Type, path []string, text string) string {
	if t.Elem != nil {
		if len(path) == 0 {
			return "[]"
		}
		return "[" + jsonValue(s, t.Elem, path[1:], text) + "]"
	}
	definition := s.Types[t.NamedType]
	if definition.Kind == ast.InputObject {
		var members []string
		for _, field := range definition.Fields {
			switch {
			case len(path) > 0 && path[0] == field.Name:
				members = append(members, strconv.Quote(field.Name)+":"+jsonValue(s, field.Type, path[1:], text))
			case field.Type.NonNull && field.DefaultValue == nil:
				members = append(members, strconv.Quote(field.Name)+":"+jsonValue(s, field.Type, nil, `"x"`))
			}
		}
		return "{" + strings.Join(members, ",") + "}"
	}
	switch definition.Name {
	case "String", "ID":
		return text
	case "Boolean":
		return "true"
	}
	if definition.Kind == ast.Enum {
		return strconv.Quote(definition.EnumValues[0].Name)
	}
	return "1"
}

// refuses sends text at a path of the field's arguments, and checks that the service
// names the path as invalid.
func refuses(t *testing.T, s *servicetest.Service, definitions *ast.Schema, root *ast.Definition, field *ast.FieldDefinition, path []string, name, text string) {
	t.Helper()
	var declared, passed, variables []string
	for _, argument := range field.Arguments {
		at, content := []string(nil), `"x"`
		if argument.Name == path[0] {
			at, content = path[1:], text
		} else if !argument.Type.NonNull {
			continue
		}
		declared = append(declared, "$"+argument.Name+": "+argument.Type.String())
		passed = append(passed, argument.Name+": $"+argument.Name)
		variables = append(variables, strconv.Quote(argument.Name)+":"+jsonValue(definitions, argument.Type, at, content))
	}
	selection := ""
	switch result := definitions.Types[field.Type.Name()]; {
	case result.Kind == ast.Union && slices.Contains(result.Types, "InvalidInput"):
		selection = "{ __typename ... on InvalidInput { fields { path } } }"
	case result.Kind != ast.Scalar:
		selection = "{ __typename }"
	}
	operation := fmt.Sprintf("%s (%s) { result: %s(%s) %s }", strings.ToLower(root.Name), strings.Join(declared, ", "), field.Name, strings.Join(passed, ", "), selection)
	body := `{"query":` + strconv.Quote(operation) + `,"variables":{` + strings.Join(variables, ",") + `}}`
	answer := post(t, s, body)
	want := strings.TrimPrefix(strings.Join(path, "."), "input.")
	if !strings.Contains(answer, `"path":"`+want+`"`) || !strings.Contains(answer, "InvalidInput") && !strings.Contains(answer, "BAD_USER_INPUT") {
		t.Errorf("%s(%s) %s: got %.300s", field.Name, strings.Join(path, "."), name, answer)
	}
}

func post(t *testing.T, s *servicetest.Service, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	servicetest.AsService(request.Header)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, answer); err != nil {
		t.Fatalf("the response is not JSON: %s", answer)
	}
	return compact.String()
}

// A null for a value that may only be left out is refused, not ignored.
func TestNullIsRefusedWhereAValueIsNeeded(t *testing.T) {
	for _, service := range subgraphs.Names() {
		definitions := load(t, service)
		for _, field := range definitions.Mutation.Fields {
			if !strings.HasPrefix(field.Name, "update") {
				continue
			}
			t.Run(field.Name, func(t *testing.T) {
				s := start(t, service)
				input := definitions.Types[field.Arguments.ForName("input").Type.Name()]
				for _, member := range input.Fields {
					nullable := slices.Contains([]string{"UpdateProductInput.imageUrl", "UpdateUserInput.phone", input.Name + ".expectedVersion"}, input.Name+"."+member.Name)
					if member.Type.NonNull || nullable {
						continue
					}
					operation := fmt.Sprintf("mutation ($input: %s!) { %s(input: $input) { ... on InvalidInput { fields { path } } } }", input.Name, field.Name)
					answer := post(t, s, `{"query":`+strconv.Quote(operation)+`,"variables":{"input":{"id":"1",`+strconv.Quote(member.Name)+`:null}}}`)
					if !strings.Contains(answer, `"path":"`+member.Name+`"`) {
						t.Errorf("%s: null: got %s", member.Name, answer)
					}
				}
			})
		}
	}
}
