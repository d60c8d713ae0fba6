package verify

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const kubeScore = "github.com/zegl/kube-score/cmd/kube-score@v1.20.0"

// ignored are kube-score's tests that do not apply, with the reasons.
var ignored = map[string]string{
	"container-image-pull-policy":          "images have fixed tags; pulling them for every start makes the registry one more thing that must be up",
	"deployment-has-host-podantiaffinity":  "topologySpreadConstraints over hosts and zones do this, and still allow two pods on the one node of a small cluster",
	"statefulset-has-host-podantiaffinity": "they have one replica",
	"statefulset-has-servicename":          "kube-score wants a headless Service; redis-service has an address, so that the name stays when Redis is replaced by one outside; one replica needs no name of its own",
	"pod-probes-identical":                 "Postgres, Redis, the exporters and the programs that watch know one check; liveness has longer patience",
	"pod-networkpolicy":                    "ecommerce-netpol is for the whole namespace ecommerce; istio-system is the mesh's, whose policies are not the store's",
	"deployment-replicas":                  "Grafana and Jaeger keep what they have in memory: one of each",
}

func TestKubeScoreFindsNothing(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	checkKubeScore(t, files)
}

func TestKubeScoreFindsNothingInComponents(t *testing.T) {
	for _, components := range componentSets {
		t.Run(strings.Join(components, " "), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "store.yaml")
			writeDocuments(t, file, composed(t, components))
			checkKubeScore(t, []string{file})
		})
	}
}

// checkKubeScore fails the test for everything that kube-score finds in files.
func checkKubeScore(t *testing.T, files []string) {
	t.Helper()
	arguments := []string{"run", kubeScore, "score", "--output-format", "ci"}
	for test := range ignored {
		arguments = append(arguments, "--ignore-test", test)
	}
	command := exec.CommandContext(t.Context(), "go", append(arguments, files...)...)
	command.Dir = "."
	out, err := command.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || len(out) == 0 {
		t.Fatalf("running kube-score: %v", err)
	}
	seen := false
	for line := range strings.Lines(string(out)) {
		seen = seen || strings.HasPrefix(line, "[OK]")
		if strings.HasPrefix(line, "[CRITICAL]") || strings.HasPrefix(line, "[WARNING]") {
			t.Error(strings.TrimSpace(line))
		}
	}
	if !seen {
		t.Fatalf("kube-score checked nothing: %s", out)
	}
}
