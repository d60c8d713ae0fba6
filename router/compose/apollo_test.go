package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"souk/router/compose"
)

// apolloPackages are the versions to compare with.
var apolloPackages = []string{"@apollo/composition@2.14.4", "graphql@16.15.0"}

// apolloResult is the output of testdata/apollo.mjs for one list of subgraphs.
type apolloResult struct {
	Supergraph string
	Errors     []struct{ Code, Message string }
}

// apollo composes each list of subgraphs with @apollo/composition, which it
// installs for the test. It skips the test if it cannot install the packages.
func apollo(t *testing.T, all [][]compose.Subgraph) []apolloResult {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is required to run @apollo/composition", program)
		}
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", append([]string{"install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--prefix", dir}, apolloPackages...)...)
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("cannot install %v: %v\n%s", apolloPackages, err, out)
	}
	script, err := os.ReadFile("testdata/apollo.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "apollo.mjs"), script, 0o600); err != nil {
		t.Fatal(err)
	}
	type subgraph struct {
		Name string `json:"name"`
		URL  string `json:"url"`
		SDL  string `json:"sdl"`
	}
	var input [][]subgraph
	for _, subgraphs := range all {
		var list []subgraph
		for _, s := range subgraphs {
			list = append(list, subgraph(s))
		}
		input = append(input, list)
	}
	encoded, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(ctx, "node", filepath.Join(dir, "apollo.mjs"))
	node.Stdin = bytes.NewReader(encoded)
	node.Stderr = os.Stderr
	output, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	var results []apolloResult
	if err := json.Unmarshal(output, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

func storeSubgraphs(t *testing.T) []compose.Subgraph {
	t.Helper()
	config, err := compose.ReadConfig(storeConfig)
	if err != nil {
		t.Fatal(err)
	}
	subgraphs, err := config.Load(t.Context(), filepath.Dir(storeConfig), nil)
	if err != nil {
		t.Fatal(err)
	}
	return subgraphs
}

// otherwise holds Apollo's codes for the cases where they differ from ours: both
// report the mistake, but Apollo's uses another code or reports further errors
// that follow from it.
var otherwise = map[string][]string{
	"an external field with another type":             {"EXTERNAL_TYPE_MISMATCH"},
	"an override of an override":                      {"OVERRIDE_SOURCE_HAS_OVERRIDE", "INVALID_FIELD_SHARING"},
	"a directive in a key":                            {"KEY_DIRECTIVE_IN_FIELDS_ARG"},
	"a directive in provides":                         {"PROVIDES_DIRECTIVE_IN_FIELDS_ARG"},
	"a directive in requires":                         {"REQUIRES_DIRECTIVE_IN_FIELDS_ARG"},
	"provides on an interface":                        {"PROVIDES_UNSUPPORTED_ON_INTERFACE"},
	"requires on an interface":                        {"REQUIRES_UNSUPPORTED_ON_INTERFACE", "REQUIRES_FIELDS_MISSING_EXTERNAL"},
	"external on an interface":                        {"EXTERNAL_ON_INTERFACE", "EXTERNAL_UNUSED"},
	"an external argument with another type":          {"REQUIRES_INVALID_FIELDS"},
	"an external argument with another default value": {"EXTERNAL_ARGUMENT_DEFAULT_MISMATCH"},
	"a link to an unknown version":                    {"INVALID_LINK_DIRECTIVE_USAGE"},
	"a list size on a field that is not a list":       {"LIST_SIZE_APPLIED_TO_NON_LIST"},
}

// TestResultsMatchApollo compares the results with those of Apollo's composition:
// equivalent supergraphs for valid cases and the same error codes for invalid
// ones.
func TestResultsMatchApollo(t *testing.T) {
	if testing.Short() {
		t.Skip("installs an npm package")
	}
	cases := append([]composition{{name: "the store"}}, compositions...)
	all := [][]compose.Subgraph{storeSubgraphs(t)}
	for _, c := range compositions {
		all = append(all, c.list())
	}
	for i, theirs := range apollo(t, all) {
		t.Run(cases[i].name, func(t *testing.T) {
			var codes []string
			for _, e := range theirs.Errors {
				codes = append(codes, e.Code)
			}
			// TestResultsMatchExpectedCodes checks that ours are cases[i].codes.
			want := cases[i].codes
			if other := otherwise[cases[i].name]; other != nil {
				want = other
			}
			if !sameCodes(codes, want) {
				t.Fatalf("Apollo's codes %v %v, want %v", codes, theirs.Errors, want)
			}
			if len(codes) == 0 {
				ours, err := compose.Compose(t.Context(), all[i])
				if err != nil {
					t.Fatal(err)
				}
				compareSupergraphs(t, ours, theirs.Supergraph)
			}
		})
	}
}

func codesOf(err error) []string {
	if err == nil {
		return nil
	}
	problems, ok := err.(compose.Errors) //nolint:errorlint // Compose returns Errors unwrapped
	if !ok {
		return []string{"not compose.Errors: " + err.Error()}
	}
	var codes []string
	for _, e := range problems {
		codes = append(codes, e.Code)
	}
	return codes
}

// sameCodes compares codes as sets: how often a mistake is reported may differ.
func sameCodes(a, b []string) bool {
	set := func(codes []string) []string { return slices.Compact(slices.Sorted(slices.Values(codes))) }
	return slices.Equal(set(a), set(b))
}

func compareSupergraphs(t *testing.T, ours, theirs string) {
	t.Helper()
	a, b := facts(t, ours), facts(t, theirs)
	keys := slices.Sorted(maps.Keys(a))
	for key := range b {
		if _, both := a[key]; !both {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		if a[key] != b[key] {
			t.Errorf("%s\n  ours   %s\n  theirs %s", key, a[key], b[key])
		}
	}
}

// facts describes each schema coordinate of a supergraph in a form that does not
// depend on the order of definitions.
func facts(t *testing.T, sdl string) map[string]string {
	t.Helper()
	document, err := parser.ParseSchema(&ast.Source{Name: "supergraph", Input: sdl})
	if err != nil {
		t.Fatal(err)
	}
	facts := map[string]string{}
	for _, schema := range document.Schema {
		facts["schema"] = directivesOf(schema.Directives)
		for _, operation := range schema.OperationTypes {
			facts["schema."+string(operation.Operation)] = operation.Type
		}
	}
	for _, d := range document.Directives {
		if machinery(d.Name) {
			continue
		}
		var locations []string
		for _, l := range d.Locations {
			locations = append(locations, string(l))
		}
		slices.Sort(locations)
		facts["@"+d.Name] = fmt.Sprint(argumentsOf(d.Arguments), locations, d.IsRepeatable)
	}
	for _, d := range document.Definitions {
		if machinery(d.Name) && d.Name != "join__Graph" {
			continue
		}
		interfaces, members := slices.Sorted(slices.Values(d.Interfaces)), slices.Sorted(slices.Values(d.Types))
		facts[d.Name] = fmt.Sprint(d.Kind, interfaces, members, directivesOf(d.Directives), " ", d.Description)
		for _, f := range d.Fields {
			facts[d.Name+"."+f.Name] = fmt.Sprint(argumentsOf(f.Arguments), f.Type, valueOf(f.DefaultValue), directivesOf(f.Directives), " ", f.Description)
		}
		for _, v := range d.EnumValues {
			facts[d.Name+"."+v.Name] = directivesOf(v.Directives) + v.Description
		}
	}
	return facts
}

// machinery reports whether a name belongs to a specification and not to the graph.
func machinery(name string) bool {
	return strings.HasPrefix(name, "join__") || strings.HasPrefix(name, "link__") || strings.HasPrefix(name, "federation__") ||
		strings.HasPrefix(name, "requiresScopes") || slices.Contains([]string{"link", "inaccessible", "tag", "cost", "listSize", "authenticated", "policy"}, name)
}

func argumentsOf(list ast.ArgumentDefinitionList) string {
	var all []string
	for _, a := range list {
		all = append(all, fmt.Sprint(a.Name, ":", a.Type, valueOf(a.DefaultValue), directivesOf(a.Directives), a.Description))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func directivesOf(list ast.DirectiveList) string {
	var all []string
	for _, d := range list {
		var arguments []string
		for _, a := range d.Arguments {
			value := valueOf(a.Value)
			if slices.Contains([]string{"key", "requires", "provides"}, a.Name) {
				value = strings.Join(strings.FieldsFunc(strings.ReplaceAll(value, "...", " ... "), func(c rune) bool { return strings.ContainsRune(" {}:,", c) }), " ")
			}
			arguments = append(arguments, a.Name+":"+value)
		}
		slices.Sort(arguments)
		all = append(all, "@"+d.Name+"("+strings.Join(arguments, ",")+")")
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func valueOf(v *ast.Value) string {
	if v == nil {
		return ""
	}
	return v.String()
}
