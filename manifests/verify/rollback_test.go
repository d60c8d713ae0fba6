package verify

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// stubbedKubectl prints the files of a directory and of those that it names, as `kubectl kustomize`
// does, and logs other commands, each with what it applies. FAIL is a command that fails.
const stubbedKubectl = `#!/bin/sh
case "$*" in ("$FAIL"*) echo "TLS handshake timeout" >&2; exit 1 ;; esac
build() {
	for file in "$1"/*.yaml; do echo ---; cat "$file"; done
	while read -r other; do build "$1/$other"; done < "$1/resources"
}
case "$1" in
(kustomize) build "$2" ;;
(apply) echo "apply $4 $5 of $(build "$3" | grep -c "^kind")" >> "$LOG" ;;
(*) echo "$*" >> "$LOG" ;;
esac
`

// `make rollback` applies the routers with what they mount, then waits for them, then applies
// the rest, also from a directory of the operator's own, whose parts may lie elsewhere. It changes
// no file, and ends with what only the newer version has. If it cannot say that, it does nothing.
func TestRollbackBeginsWithTheRouters(t *testing.T) {
	object := func(kind, name string) string {
		return "apiVersion: security.istio.io/v1\nkind: " + kind + "\nmetadata:\n  labels:\n    app: x\n  name: " + name + "\n  namespace: ecommerce\nspec:\n  name: other\n"
	}
	steps := "apply -l app=api-gateway of %[1]d\n-n ecommerce rollout restart deployment/api-gateway\n" +
		"-n ecommerce rollout status --timeout=10m deployment/api-gateway\napply   of %[1]d\n"
	for name, c := range map[string]struct {
		overlay, fail string
		objects       int // of the old version
		said          []string
	}{
		"manifests": {objects: 1, said: []string{"\nkubectl -n ecommerce delete AuthorizationPolicy.v1.security.istio.io added\n", "\necommerce StatefulSet.v1.security.istio.io data\n"}},
		"overlay":   {overlay: "deploy/production", objects: 2, said: []string{"delete AuthorizationPolicy.v1.security.istio.io based\n"}},
		"no list":   {fail: "kustomize", said: []string{"TLS handshake timeout"}},
		"no apply":  {fail: "apply", said: []string{"TLS handshake timeout"}},
		"elsewhere": {overlay: "production", said: []string{"the revision v1.0.0 has no directory production"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, programs := t.TempDir(), t.TempDir()
			write := func(file, text string) {
				t.Helper()
				if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700), os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600)); err != nil {
					t.Fatal(err)
				}
			}
			commit := func(tag string) {
				t.Helper()
				script := "git init -q . && git add . && git -c user.name=souk -c user.email=souk@souk.example commit -qm " + tag + " && git tag " + tag
				if out, err := (shell{dir: dir}).run(t, script); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			if err := os.WriteFile(filepath.Join(programs, "kubectl"), []byte(stubbedKubectl), 0o700); err != nil { //nolint:gosec // it is a program
				t.Fatal(err)
			}
			for to, from := range map[string]string{"Makefile": "../../Makefile", "manifests/rollback.sh": "../rollback.sh"} {
				text, err := os.ReadFile(from)
				if err != nil {
					t.Fatal(err)
				}
				write(to, string(text))
			}
			write("manifests/old.yaml", object("AuthorizationPolicy", "old"))
			write("manifests/resources", "")
			write("deploy/base/base.yaml", object("AuthorizationPolicy", "base"))
			write("deploy/base/resources", "../../manifests\n")
			write("deploy/production/resources", "../base\n")
			commit("v1.0.0")
			write("manifests/new.yaml", object("AuthorizationPolicy", "added")+"---\n"+object("StatefulSet", "data"))
			write("deploy/base/new.yaml", object("AuthorizationPolicy", "based"))
			commit("v1.1.0")
			write("manifests/new.yaml", "kind: changed # and not committed\n")

			log := filepath.Join(t.TempDir(), "log")
			t.Setenv("LOG", log)
			t.Setenv("FAIL", cmp.Or(c.fail, "nothing"))
			out, err := (shell{dir: dir, programs: programs}).run(t, "make --no-print-directory rollback TO=v1.0.0 OVERLAY="+c.overlay)
			if (err == nil) != (c.objects > 0) {
				t.Errorf("got error %v\n%s", err, out)
			}
			for _, want := range c.said {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			if c.objects == 0 && strings.Contains(out, " delete ") || strings.Contains(out, "delete StatefulSet") {
				t.Errorf("it says what to delete:\n%s", out)
			}
			got, _ := os.ReadFile(log) // absent if there were no commands
			want := ""
			if c.objects > 0 {
				want = fmt.Sprintf(steps, c.objects)
			}
			if string(got) != want {
				t.Errorf("it runs\n%s\nwant\n%s", got, want)
			}
			if text, err := os.ReadFile(filepath.Join(dir, "manifests/new.yaml")); err != nil || !strings.HasPrefix(string(text), "kind: changed") {
				t.Errorf("the working tree has changed: %s, %v", text, err)
			}
		})
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
