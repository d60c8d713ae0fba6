package verify

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var update = flag.Bool("update", false, "write the objects of charts/kustomize")

// The base has what the chart installs with its default values, without Helm's labels.
func TestKustomizeBaseIsCurrent(t *testing.T) {
	documents, err := renderChart(parseValues(t, "fullnameOverride: souk-router\nsupergraph: {existingConfigMap: souk-router-graph}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents {
		document.SetNamespace("")
		for _, path := range [][]string{{"metadata", "labels"}, {"spec", "template", "metadata", "labels"}} {
			for _, label := range []string{"app.kubernetes.io/managed-by", "helm.sh/chart"} {
				unstructured.RemoveNestedField(document.Object, append(path, label)...)
			}
		}
		removeInstance(document.Object)
		unstructured.RemoveNestedField(document.Object, "spec", "template", "metadata", "annotations")
	}
	want := filepath.Join(t.TempDir(), "objects.yaml")
	writeDocuments(t, want, documents)
	text, err := os.ReadFile(want)
	if err != nil {
		t.Fatal(err)
	}
	text = append([]byte("# Generated from charts/souk-router, DO NOT EDIT: go test -C manifests/verify -run Kustomize -update\n"), text...)
	file := filepath.Join(kustomize, "objects.yaml")
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, text) {
		t.Errorf("charts/kustomize/objects.yaml is not current (%v); run the test with -update", err)
	}
}

// removeInstance removes the label of the release wherever it is.
func removeInstance(object any) {
	switch value := object.(type) {
	case map[string]any:
		delete(value, "app.kubernetes.io/instance")
		for _, inner := range value {
			removeInstance(inner)
		}
	case []any:
		for _, inner := range value {
			removeInstance(inner)
		}
	}
}

// kustomized returns what kubectl makes of the base with the overlay of charts/README.md.
func kustomized(t *testing.T) Documents {
	t.Helper()
	base, err := filepath.Abs(kustomize)
	if err != nil {
		t.Fatal(err)
	}
	overlay := t.TempDir()
	relative, err := filepath.Rel(overlay, base)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"supergraph.graphql": "type Query { a: Int }\n",
		"router.yaml":        "version: \"1\"\nlisten: 0.0.0.0:8080\nadmin: {listen: \"0.0.0.0:9090\"}\nsupergraph: {file: /etc/souk/graph/supergraph.graphql}\nintrospection: true\n",
		"kustomization.yaml": string(bytes.ReplaceAll([]byte(overlayExample(t)), []byte("../kustomize"), []byte(relative))),
	} {
		if err := os.WriteFile(filepath.Join(overlay, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), kubernetes(t, "kubectl"), "kustomize", overlay).Output()
	if err != nil {
		t.Fatalf("kubectl kustomize: %v", err)
	}
	documents, err := decode("kustomize", out)
	if err != nil {
		t.Fatal(err)
	}
	for _, document := range documents.OfKind("ConfigMap") {
		if text, _, _ := unstructured.NestedString(document.Object, "data", "router.yaml"); document.GetName() == "souk-router" && !bytes.Contains([]byte(text), []byte("introspection: true")) {
			t.Errorf("the overlay does not replace the configuration: %s", text)
		}
	}
	if !documents.Has("ConfigMap", chartNamespace, "souk-router") || !documents.Has("ConfigMap", chartNamespace, "souk-router-graph") {
		t.Error("a ConfigMap is missing")
	}
	return documents
}

// overlayExample returns the kustomization.yaml of charts/README.md.
func overlayExample(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../charts/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := bytes.Cut(text, []byte("```yaml\nresources:"))
	example, _, found := bytes.Cut(example, []byte("```"))
	if !found {
		t.Fatal("charts/README.md has no kustomization.yaml")
	}
	return "resources:" + string(example)
}
