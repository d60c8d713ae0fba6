package verify

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The values that souk init writes install the chart, with the command that they name, and a
// pod reaches the subgraphs.
func TestValuesOfInitRenderTheChart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "graph")
	command := exec.CommandContext(t.Context(), "go", "run", ".", "init", dir,
		"--subgraph", "products=http://localhost:4001/graphql", "--subgraph", "Order_lines=http://[::1]/graphql", "--subgraph", "prices=https://prices.example/graphql")
	command.Dir = "../.."
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "--set-file supergraph.sdl=supergraph.graphql --values values.yaml") {
		t.Errorf("the file does not name the command that installs the chart:\n%s", text)
	}
	values := parseValues(t, string(text))
	values["supergraph"] = map[string]any{"sdl": "type Query { a: Int }\n"} // as --set-file does
	documents, err := renderChart(values)
	if err != nil {
		t.Fatal(err)
	}
	validateRouterConfig(t, documents)
	for _, document := range documents.OfKind("ConfigMap") {
		text, found, _ := unstructured.NestedString(document.Object, "data", "router.yaml")
		if !found {
			continue
		}
		var router struct {
			URLs map[string]string `json:"override_subgraph_urls"`
		}
		if err := yaml.Unmarshal([]byte(text), &router); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{
			"products": "http://products:4001/graphql", "Order_lines": "http://order-lines/graphql", "prices": "https://prices.example/graphql",
		} {
			if got := router.URLs[name]; got != want {
				t.Errorf("%s: got the URL %q, want %q", name, got, want)
			}
		}
	}
}

// A file that is mounted by itself, with subPath, never changes in a pod.
func TestPodsMountWholeDirectories(t *testing.T) {
	releases := map[string]Documents{"manifests": read(t)}
	for name, values := range chartValues(t) {
		documents, err := renderChart(values)
		if err != nil {
			t.Fatal(err)
		}
		releases[name] = documents
	}
	text, err := os.ReadFile(filepath.Join(kustomize, "objects.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if releases["kustomize"], err = decode("kustomize", text); err != nil {
		t.Fatal(err)
	}
	for name, documents := range releases {
		pods, err := documents.Pods()
		if err != nil || len(pods) == 0 {
			t.Fatalf("%s: got %d pods: %v", name, len(pods), err)
		}
		for _, pod := range pods {
			for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
				for _, mount := range container.VolumeMounts {
					if mount.SubPath != "" || mount.SubPathExpr != "" {
						t.Errorf("%s: the container %s of %s mounts only a part of the volume %s at %s", name, container.Name, pod.Name, mount.Name, mount.MountPath)
					}
				}
			}
		}
	}
}
