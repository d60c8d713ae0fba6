package verify

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// `make rollback` applies the routers with what they mount, then waits for them, then applies
// the rest, also from a directory of the operator's own.
func TestRollbackBeginsWithTheRouters(t *testing.T) {
	for directory, arguments := range map[string][]string{"manifests": nil, "deploy": {"OVERLAY=deploy"}} {
		command := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "-n", "-C", "../..", "rollback", "TO=v1.0.0"}, arguments...)...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var got []string
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "kubectl ") {
				got = append(got, line)
			}
		}
		want := []string{
			"kubectl apply -k " + directory + "/ -l app=api-gateway",
			"kubectl -n ecommerce rollout restart deployment/api-gateway",
			"kubectl -n ecommerce rollout status --timeout=10m deployment/api-gateway",
			"kubectl apply -k " + directory + "/",
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: it runs\n%s\nwant\n%s", directory, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// With each set of components, the label by which `make rollback` selects has the routers and
// their ConfigMaps, and no other program.
func TestRollbackSelectsTheRouters(t *testing.T) {
	for _, components := range append(slices.Clone(componentSets), nil) {
		var programs, configurations []string
		documents := composed(t, components)
		for _, document := range documents {
			if document.GetLabels()["app"] != "api-gateway" {
				continue
			}
			switch document.GetKind() {
			case "Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job", "Cluster":
				programs = append(programs, document.GetName())
			case "ConfigMap":
				configurations = append(configurations, document.GetName())
			}
		}
		if !slices.Equal(programs, []string{"api-gateway"}) {
			t.Errorf("%v: it sets back the programs %q first", components, programs)
		}
		pods, err := documents.Pods()
		if err != nil {
			t.Fatal(err)
		}
		for _, pod := range pods {
			if pod.Labels["app"] != "api-gateway" {
				continue
			}
			for _, v := range pod.Spec.Volumes {
				if v.ConfigMap != nil && !slices.Contains(configurations, v.ConfigMap.Name) {
					t.Errorf("%v: the routers start with a ConfigMap %s that is not set back", components, v.ConfigMap.Name)
				}
			}
		}
	}
}
