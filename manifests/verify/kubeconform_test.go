package verify

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const kubeconform = "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0"

// kubeconform accepts what the chart, the base for kustomize and the store's components
// produce, and finds mistakes in it.
func TestKubeconformAcceptsTheChart(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a build of kubeconform")
	}
	schemas := writeSchemas(t)
	files := []string{filepath.Join(kustomize, "objects.yaml")}
	dir := t.TempDir()
	for name, values := range chartValues(t) {
		documents, err := renderChart(values)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name)
		writeDocuments(t, file, documents)
		files = append(files, file)
	}
	for i, components := range componentSets {
		file := filepath.Join(dir, fmt.Sprint("components-", i))
		writeDocuments(t, file, composed(t, components))
		files = append(files, file)
	}
	if out, err := runKubeconform(t, schemas, files...); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	documents, err := renderChart(chartValues(t)["full-values.yaml"])
	if err != nil {
		t.Fatal(err)
	}
	var wrong Documents
	for kind, path := range mistakes {
		document := documents.OfKind(kind)[0].DeepCopy()
		if err := unstructured.SetNestedField(document.Object, "x", path...); err != nil {
			t.Fatal(err)
		}
		wrong = append(wrong, Document{Unstructured: document})
	}
	file := filepath.Join(dir, "mistakes.yaml")
	writeDocuments(t, file, wrong)
	out, err := runKubeconform(t, schemas, file)
	for kind, path := range mistakes {
		if last := path[len(path)-1]; err == nil || !strings.Contains(out, "'"+last+"' not allowed") {
			t.Errorf("%s: kubeconform does not report the field %s: %v\n%s", kind, last, err, out)
		}
	}
}

// mistakes are fields that do not exist, by kind.
var mistakes = map[string][]string{
	"Deployment": {"spec", "template", "spec", "containerz"}, "Service": {"spec", "port"},
	"HTTPRoute": {"spec", "host"}, "ServiceMonitor": {"spec", "endpoint"},
}

func runKubeconform(t *testing.T, schemas string, files ...string) (string, error) {
	t.Helper()
	arguments := append([]string{"run", kubeconform, "-strict", "-summary", "-schema-location", filepath.Join(schemas, "{{.Group}}-{{.ResourceAPIVersion}}-{{.ResourceKind}}.json")}, files...)
	out, err := exec.CommandContext(t.Context(), "go", arguments...).CombinedOutput()
	return string(out), err
}

// writeSchemas writes the schema of each kind as a file, and returns their directory: those of
// Kubernetes from the OpenAPI document in the module that the API server is built of, the others
// from their custom resource definitions.
func writeSchemas(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write := func(group, version, kind string, schema map[string]any) {
		text, err := json.Marshal(schema)
		if err != nil {
			t.Fatal(err)
		}
		if group == "" {
			group = version // as kubeconform names the core group
		}
		name := strings.ToLower(strings.Join([]string{group, version, kind}, "-")) + ".json"
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	definitions := openAPI(t)
	for name, definition := range definitions {
		identities, _ := definition["x-kubernetes-group-version-kind"].([]any)
		if len(identities) != 1 { // options of requests have many
			continue
		}
		identity := identities[0].(map[string]any)
		used := map[string]any{}
		addUsed(used, definitions, name)
		write(identity["group"].(string), identity["version"].(string), identity["kind"].(string), map[string]any{"$ref": "#/definitions/" + name, "definitions": used})
	}
	for _, crd := range slices.Concat(istioCRDs(t), chartCRDs(t), gatewayCRDs(t), databaseCRDs(t), secretCRDs(t)) {
		group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
		for _, v := range versions {
			version := v.(map[string]any)
			schema, found, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
			if !found {
				t.Fatalf("%s has no schema", kind)
			}
			closeObjects(schema)
			write(group, version["name"].(string), kind, schema)
		}
	}
	return dir
}

// openAPI returns the definitions of the types of Kubernetes as JSON Schema.
func openAPI(t *testing.T) map[string]map[string]any {
	t.Helper()
	module, err := exec.CommandContext(t.Context(), "go", "list", "-C", "apiserver", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes").Output()
	if err != nil {
		t.Fatalf("finding the module of Kubernetes: %v", err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(module)), "api/openapi-spec/swagger.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct{ Definitions map[string]map[string]any }
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	// OpenAPI 2 has no unions.
	const quantity = "io.k8s.apimachinery.pkg.api.resource.Quantity"
	if document.Definitions[quantity] == nil {
		t.Fatalf("the document does not define %s", quantity)
	}
	document.Definitions[quantity] = map[string]any{"type": []string{"string", "number"}}
	for _, definition := range document.Definitions {
		closeObjects(definition)
	}
	return document.Definitions
}

// closeObjects refuses fields that a schema does not name, as kubeconform's own strict schemas
// do, and accepts numbers where a type is int-or-string.
func closeObjects(schema map[string]any) {
	if schema["format"] == "int-or-string" {
		schema["type"] = []string{"string", "integer"}
	}
	_, open := schema["additionalProperties"]
	if properties, ok := schema["properties"].(map[string]any); ok && !open && schema["x-kubernetes-preserve-unknown-fields"] == nil && len(properties) > 0 {
		schema["additionalProperties"] = false
	}
	for key, value := range schema {
		inner, ok := value.(map[string]any)
		switch {
		case !ok:
		case key == "properties":
			for _, property := range inner {
				closeObjects(property.(map[string]any))
			}
		default:
			closeObjects(inner)
		}
	}
}

// addUsed adds a definition and those that it refers to.
func addUsed(used map[string]any, definitions map[string]map[string]any, name string) {
	if used[name] != nil {
		return
	}
	used[name] = definitions[name]
	var visit func(any)
	visit = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				addUsed(used, definitions, strings.TrimPrefix(ref, "#/definitions/"))
			}
			for _, inner := range v {
				visit(inner)
			}
		case []any:
			for _, inner := range v {
				visit(inner)
			}
		}
	}
	visit(definitions[name])
}
