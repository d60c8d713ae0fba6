package verify

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// stubbedKubectl prints the files of a directory and of those that it names, as `kubectl kustomize`
// does, and logs other commands, each with what it applies. FAIL is a command that fails; if it is
// "half", what is applied to all programs fails when the configuration of Prometheus has changed.
// The files of the directory CLUSTER have the times of ConfigMaps and pods.
const stubbedKubectl = `#!/bin/sh
case "$*" in ("$FAIL"*) echo "TLS handshake timeout" >&2; exit 1 ;; esac
build() {
	for file in "$1"/*.yaml; do [ ! -f "$file" ] || { echo ---; cat "$file"; }; done
	for other in $(sed -n "s/^  - //p" "$1/Kustomization"); do build "$1/$other"; done
}
case "$1" in
(kustomize) build "$2" ;;
(apply)
	echo "apply $4 $5 of $(build "$3" | grep -c "^kind")" >> "$LOG"
	[ "$FAIL$4" != half ] || { echo " 2026-01-01T11:00:00Z" >> "$CLUSTER/configmaps.app=prometheus"; exit 1; } ;;
(-n)
	if [ "$3" = get ]; then cat "$CLUSTER/$4.$6" 2> /dev/null || true; else echo "$*" >> "$LOG"; fi ;;
(*) echo "$*" >> "$LOG" ;;
esac
`

// A repository is a Git repository with make rollback, and a cluster that logs its commands.
type repository struct {
	dir, programs, log, cluster string
}

func newRepository(t *testing.T) repository {
	t.Helper()
	r := repository{dir: t.TempDir(), programs: t.TempDir(), log: filepath.Join(t.TempDir(), "log"), cluster: t.TempDir()}
	if err := os.WriteFile(filepath.Join(r.programs, "kubectl"), []byte(stubbedKubectl), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	for to, from := range map[string]string{"Makefile": "../../Makefile", "manifests/rollback.sh": "../rollback.sh"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		r.write(t, to, string(text))
	}
	t.Setenv("LOG", r.log)
	t.Setenv("CLUSTER", r.cluster)
	t.Setenv("FAIL", "nothing")
	return r
}

func (r repository) write(t *testing.T, file, text string) {
	t.Helper()
	path := filepath.Join(r.dir, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func (r repository) commit(t *testing.T, tag string) {
	t.Helper()
	r.run(t, "git init -q . && git add . && git -c user.name=souk -c user.email=souk@souk.example commit -qm "+tag+" && git tag "+tag, "")
}

// run runs a script, and wants it to fail with a message, or not to if there is none.
func (r repository) run(t *testing.T, script, fails string) (out string) {
	t.Helper()
	out, err := (shell{dir: r.dir, programs: r.programs}).run(t, script)
	if (err != nil) != (fails != "") || !strings.Contains(out, fails) {
		t.Errorf("%s: got error %v, want it to say %q:\n%s", script, err, fails, out)
	}
	return out
}

// commands are what the cluster was told to do.
func (r repository) commands() string {
	text, _ := os.ReadFile(r.log) // absent if there were none
	return string(text)
}

// object returns an object of the store; it is of no namespace if its name has an @.
func object(version, kind, name string) string {
	name, everywhere := strings.CutSuffix(name, "@")
	namespace := "\n  namespace: ecommerce"
	if everywhere {
		namespace = ""
	}
	return "---\napiVersion: " + version + "\nkind: " + kind + "\nmetadata:\n  labels:\n    app: x\n  name: " + name + namespace + "\nspec:\n  name: other\n"
}

func policy(name string) string { return object("security.istio.io/v1", "AuthorizationPolicy", name) }

// `make rollback` applies the routers with what they mount, then waits for them, then applies
// the rest, also from a directory of the operator's own, whose parts may lie elsewhere. It changes
// no file, and ends with what only the newer version has. If it cannot say that, it does nothing.
func TestRollbackBeginsWithTheRouters(t *testing.T) {
	steps := "apply -l app=api-gateway of %[1]d\n-n ecommerce rollout restart deployment/api-gateway\n" +
		"-n ecommerce rollout status --timeout=10m deployment/api-gateway\napply   of %[1]d\n"
	for name, c := range map[string]struct {
		overlay, kubectl, fails string
		objects                 int // of the old version
		said                    string
	}{
		"manifests": {objects: 1, said: "\nkubectl -n ecommerce delete AuthorizationPolicy.v1.security.istio.io added\n"},
		"overlay":   {overlay: "deploy/production", objects: 2, said: "delete AuthorizationPolicy.v1.security.istio.io based\n"},
		"no list":   {kubectl: "kustomize", fails: "TLS handshake timeout"},
		"no apply":  {kubectl: "apply", fails: "TLS handshake timeout"},
		"elsewhere": {overlay: "production", fails: "the revision v1.0.0 has no directory production"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepository(t)
			r.write(t, "manifests/old.yaml", policy("old"))
			r.write(t, "manifests/Kustomization", "resources:\n")
			r.write(t, "deploy/base/base.yaml", policy("base"))
			r.write(t, "deploy/base/Kustomization", "resources:\n  - ../../manifests\n")
			r.write(t, "deploy/production/Kustomization", "resources:\n  - ../base\n")
			r.commit(t, "v1.0.0")
			r.write(t, "manifests/new.yaml", policy("added"))
			r.write(t, "deploy/base/new.yaml", policy("based"))
			r.commit(t, "v1.1.0")
			r.write(t, "manifests/new.yaml", "kind: changed # and not committed\n")

			t.Setenv("FAIL", cmp.Or(c.kubectl, "nothing"))
			out := r.run(t, "make --no-print-directory rollback TO=v1.0.0 OVERLAY="+c.overlay, c.fails)
			if halfway := c.kubectl == "apply"; strings.Contains(out, "Run it again") != halfway {
				t.Errorf("that it failed halfway is %v:\n%s", halfway, out)
			}
			if !strings.Contains(out, c.said) || c.objects == 0 && strings.Contains(out, " delete ") {
				t.Errorf("want it to say %q:\n%s", c.said, out)
			}
			want := ""
			if c.objects > 0 {
				want = fmt.Sprintf(steps, c.objects)
			}
			if got := r.commands(); got != want {
				t.Errorf("it runs\n%s\nwant\n%s", got, want)
			}
			if text, err := os.ReadFile(filepath.Join(r.dir, "manifests/new.yaml")); err != nil || !strings.HasPrefix(string(text), "kind: changed") {
				t.Errorf("the working tree has changed: %s, %v", text, err)
			}
		})
	}
}

// It tells nobody to delete what holds data, or owns what does, also of a kind that it does not
// know. ExternalSecrets go without the Secrets that they made.
func TestRollbackKeepsData(t *testing.T) {
	r := newRepository(t)
	r.write(t, "manifests/old.yaml", policy("old"))
	r.write(t, "manifests/Kustomization", "resources:\n")
	r.commit(t, "v1.0.0")
	kept := [][3]string{
		{"apps/v1", "StatefulSet", "data"}, {"v1", "PersistentVolumeClaim", "volume"}, {"v1", "Secret", "password"}, {"v1", "Namespace", "other@"},
		{"postgresql.cnpg.io/v1", "Cluster", "order-postgres"}, {"postgresql.cnpg.io/v1", "Backup", "first"}, {"postgresql.cnpg.io/v1", "ScheduledBackup", "nightly"},
		{"cert-manager.io/v1", "Certificate", "souk-tls"}, {"external-secrets.io/v1", "PushSecret", "pushed"}, {"gateway.example/v1", "Gateway", "own"},
		{"apiextensions.k8s.io/v1", "CustomResourceDefinition", "carts.shop.example@"}, {"shop.example/v1", "Cart", "unknown"},
	}
	text := policy("added") + object("v1", "ConfigMap", "settings") + object("apps/v1", "Deployment", "extra") + object("gateway.networking.k8s.io/v1", "Gateway", "entry") +
		object("external-secrets.io/v1", "ClusterSecretStore", "souk@") + object("external-secrets.io/v1", "ExternalSecret", "order-database")
	for _, k := range kept {
		text += object(k[0], k[1], k[2])
	}
	r.write(t, "manifests/new.yaml", text)
	r.commit(t, "v1.1.0")
	out := r.run(t, "make --no-print-directory rollback TO=v1.0.0", "")
	var deletes []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "delete ") && strings.HasPrefix(line, "kubectl") {
			deletes = append(deletes, strings.TrimSpace(line))
		}
	}
	if want := []string{
		"kubectl -n ecommerce delete AuthorizationPolicy.v1.security.istio.io added", "kubectl -n ecommerce delete ConfigMap settings",
		"kubectl -n ecommerce delete Deployment.v1.apps extra", "kubectl -n ecommerce delete Gateway.v1.gateway.networking.k8s.io entry",
		"kubectl -n ecommerce delete ExternalSecret.v1.external-secrets.io order-database --cascade=orphan", "kubectl delete ClusterSecretStore.v1.external-secrets.io souk",
	}; !slices.Equal(deletes, want) {
		t.Errorf("it says to run\n%s\nwant\n%s", strings.Join(deletes, "\n"), strings.Join(want, "\n"))
	}
	_, list, _ := strings.Cut(out, "which hold data")
	for _, k := range append(kept, [3]string{"", "ExternalSecret", "order-database"}, [3]string{"", "ClusterSecretStore", "souk"}) {
		if !regexp.MustCompile(`(?m)^(ecommerce|-) ` + k[1] + `(\.\S+)? ` + strings.TrimSuffix(k[2], "@") + "$").MatchString(list) {
			t.Errorf("it does not say that %s %s holds data:\n%s", k[1], k[2], out)
		}
	}
}

// An object that has another version of its API is the same one, and is not deleted.
func TestRollbackKnowsObjectsOfOtherVersions(t *testing.T) {
	r := newRepository(t)
	r.write(t, "manifests/old.yaml", object("networking.istio.io/v1beta1", "VirtualService", "api")+object("external-secrets.io/v1beta1", "ExternalSecret", "order-database")+
		object("external-secrets.io/v1beta1", "ClusterSecretStore", "souk@")+object("v1", "Service", "same")+object("gateway.networking.k8s.io/v1", "Gateway", "entry"))
	r.write(t, "manifests/Kustomization", "resources:\n")
	r.commit(t, "v1.0.0")
	r.write(t, "manifests/old.yaml", object("networking.istio.io/v1", "VirtualService", "api")+object("external-secrets.io/v1", "ExternalSecret", "order-database")+
		object("external-secrets.io/v1", "ClusterSecretStore", "souk@")+object("serving.knative.dev/v1", "Service", "same")+object("v1", "Service", "added")+object("networking.istio.io/v1", "Gateway", "entry"))
	r.commit(t, "v1.1.0")
	_, said, _ := strings.Cut(r.run(t, "make --no-print-directory rollback TO=v1.0.0", ""), "Only the version of HEAD")
	for _, want := range []string{"kubectl -n ecommerce delete Service added\n", "kubectl -n ecommerce delete Gateway.v1.networking.istio.io entry\n", "\necommerce Service.v1.serving.knative.dev same\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	for _, name := range []string{"VirtualService", "ExternalSecret", "ClusterSecretStore", "Service same"} {
		if strings.Contains(said, name) {
			t.Errorf("it names %s, which both versions have:\n%s", name, said)
		}
	}
}

// Between versions with other components, the databases are others. It does nothing unless the
// operator says that the data has been moved.
func TestRollbackMovesNoData(t *testing.T) {
	const block, flow = "resources:\n  - ../manifests\ncomponents: # of the store\n  - ../manifests/components/", "components: [../manifests/components/"
	const folded = "components:\n  - >-\n    components/redis-sentinel\n  -\n    components/ambient\n"
	for name, c := range map[string]struct{ overlay, before, after, uncommitted, fails string }{
		"added":         {before: "resources:\n", after: "components:\n  - components/redis-sentinel\nresources:\n", fails: "\n  added since v1.0.0: manifests/components/redis-sentinel\n"},
		"removed":       {before: "components:\n- 'components/redis-sentinel' # with a password\n", after: "resources:\n", fails: "\n  removed since v1.0.0: manifests/components/redis-sentinel\n"},
		"exchanged":     {overlay: "deploy", before: flow + "redis-sentinel]\n", after: flow + "cloudnative-pg]\n", fails: "  added since v1.0.0: manifests/components/cloudnative-pg\n  removed since v1.0.0: manifests/components/redis-sentinel\n"},
		"by a base":     {overlay: "deploy", before: "resources:\n  - ../base\n", after: block + "cloudnative-pg\n", fails: "  added since v1.0.0: manifests/components/cloudnative-pg\n  removed since v1.0.0: manifests/components/ambient\n"},
		"other form":    {overlay: "deploy", before: "components:\n  - ../manifests/components/ambient\n  - ../manifests/components/redis-sentinel\n", after: "components: [ \"../manifests/components/redis-sentinel\",\n  ../manifests/components/ambient ]\n"},
		"folded":        {before: folded, after: "components: [components/redis-sentinel, components/ambient]\n"},
		"with one more": {before: "components: [components/redis-sentinel]\n", after: folded, fails: "so nothing was changed:\n  added since v1.0.0: manifests/components/ambient\nThe manifests"},
		"in the working tree": {before: "resources:\n", after: "resources:\n", uncommitted: "components:\n  - components/cloudnative-pg\n",
			fails: "\n  added since v1.0.0: manifests/components/cloudnative-pg\n"},
		"not in the working tree": {before: "components:\n  - components/ambient\n", after: "components:\n  - components/ambient\n", uncommitted: "resources:\n",
			fails: "\n  removed since v1.0.0: manifests/components/ambient\n"},
		"an anchor": {before: "components:\n  - &mesh components/ambient\n", after: "components: [components/ambient, components/redis-sentinel]\n",
			fails: "so nothing was changed:\n  added since v1.0.0: manifests/components/redis-sentinel\nThe manifests"},
		"an alias":  {before: "resources:\n  - &mesh components/ambient\ncomponents:\n  - *mesh\n", after: "components: [components/ambient]\n"},
		"a comment": {before: "resources:\n", after: "resources:\n# components:\n#  - components/redis-sentinel\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRepository(t)
			for _, component := range []string{"redis-sentinel", "cloudnative-pg", "ambient"} {
				r.write(t, "manifests/components/"+component+"/Kustomization", "resources:\n")
			}
			r.write(t, "base/Kustomization", "components:\n  - ../manifests/components/ambient\n")
			r.write(t, "manifests/Kustomization", "resources:\n")
			overlay := cmp.Or(c.overlay, "manifests")
			r.write(t, overlay+"/Kustomization", c.before)
			r.write(t, overlay+"/old.yaml", policy("old"))
			r.commit(t, "v1.0.0")
			r.write(t, overlay+"/Kustomization", c.after)
			r.write(t, overlay+"/new.yaml", policy("new"))
			r.commit(t, "v1.1.0")
			if c.uncommitted != "" {
				r.write(t, overlay+"/Kustomization", c.uncommitted)
			}
			roll := "make --no-print-directory rollback TO=v1.0.0 OVERLAY=" + overlay
			r.run(t, roll, c.fails)
			if got := r.commands(); (got == "") != (c.fails != "") {
				t.Errorf("it runs\n%s", got)
			}
			r.run(t, roll+" COMPONENTS=yes", `COMPONENTS is yes; it may only be "changed"`)
			r.run(t, roll+" COMPONENTS=changed", "")
			if got := r.commands(); !strings.Contains(got, "apply -l app=api-gateway") {
				t.Errorf("COMPONENTS=changed: it runs\n%s", got)
			}
		})
	}
}

// What is no revision is an error that says so. The script runs from any directory of the
// repository, and from no other.
func TestRollbackSaysWhatIsWrong(t *testing.T) {
	r := newRepository(t)
	r.write(t, "manifests/old.yaml", policy("old"))
	r.write(t, "manifests/Kustomization", "resources:\n")
	r.commit(t, "v1.0.0")
	for script, fails := range map[string]string{
		"make rollback":                                       "name the tag or commit that was deployed before",
		"make rollback TO=--list":                             "TO is --list, which is an option and no revision",
		"make rollback TO=v9":                                 "this repository has no commit v9; `git tag` lists its tags",
		"make rollback TO=v1.0.0:manifests":                   "v1.0.0:manifests is a tree, and no commit or tag of one: name the commit",
		"make rollback TO='HEAD^{tree}'":                      "HEAD^{tree} is a tree, and no commit",
		`make rollback TO="x'y"`:                              "this repository has no commit x'y;",
		`make rollback TO="'; kubectl delete all; '"`:         "this repository has no commit '; kubectl delete all; ';",
		"TO=v1.0.0 GIT_DIR=/nowhere sh manifests/rollback.sh": "a rollback needs the Git repository with the manifests",
	} {
		r.run(t, script, fails)
		if got := r.commands(); got != "" {
			t.Errorf("%s: it runs\n%s", script, got)
		}
	}
	r.run(t, "cd manifests && TO=v1.0.0 sh rollback.sh", "")
	if got := r.commands(); !strings.Contains(got, "apply   of 1\n") {
		t.Errorf("in a directory: it runs\n%s", got)
	}
}

// The programs that read their configuration when they start are restarted if it is newer than one
// of their pods, also if an earlier run changed it and failed.
func TestRollbackRestartsTheMonitoring(t *testing.T) {
	r := newRepository(t)
	r.write(t, "manifests/old.yaml", policy("old"))
	r.write(t, "manifests/Kustomization", "resources:\n")
	r.commit(t, "v1.0.0")
	programs := []string{"statefulset/prometheus", "statefulset/alertmanager", "deployment/grafana", "deployment/otel-collector"}
	restarted := func(fails string) (names []string) {
		t.Helper()
		if err := os.RemoveAll(r.log); err != nil {
			t.Fatal(err)
		}
		r.run(t, "make --no-print-directory rollback TO=v1.0.0", fails)
		for line := range strings.Lines(r.commands()) {
			if program, ok := strings.CutPrefix(strings.TrimSpace(line), "-n istio-system rollout restart "); ok {
				names = append(names, program)
			}
		}
		return names
	}
	for _, configuration := range read(t).OfKind("ConfigMap") {
		if configuration.GetNamespace() != "istio-system" {
			continue
		}
		var want []string
		for _, program := range programs {
			_, name, _ := strings.Cut(program, "/")
			r.at(t, "pods.app="+name, "2026-01-01T10:30:00Z 2026-01-01T10:00:00Z")
			r.at(t, "configmaps.app="+name, "2026-01-01T09:00:00Z 2025-12-31T09:00:00Z")
			if mounts(t, name, configuration.GetName()) {
				want = append(want, program)
			}
		}
		r.at(t, "configmaps.app="+configuration.GetLabels()["app"], "2026-01-01T10:00:01Z 2025-12-31T09:00:00Z")
		if got := restarted(""); !slices.Equal(got, want) {
			t.Errorf("another ConfigMap %s restarts %q, want %q", configuration.GetName(), got, want)
		}
		r.at(t, "configmaps.app="+configuration.GetLabels()["app"], "2026-01-01T09:59:59Z 2025-12-31T09:00:00Z")
		if got := restarted(""); got != nil {
			t.Errorf("nothing has changed, and it restarts %q", got)
		}
	}
	t.Setenv("FAIL", "half")
	if got := restarted("Error"); got != nil {
		t.Errorf("it fails when it has changed the configuration of Prometheus, and restarts %q", got)
	}
	t.Setenv("FAIL", "nothing")
	if got, want := restarted(""), programs[:1]; !slices.Equal(got, want) {
		t.Errorf("after a run that failed it restarts %q, want %q", got, want)
	}
	r.at(t, "pods.app=prometheus", "2026-01-01T11:30:00Z")
	if got := restarted(""); got != nil {
		t.Errorf("after the restart it restarts %q", got)
	}
}

// at sets the times of the ConfigMaps or pods of a program in the cluster.
func (r repository) at(t *testing.T, objects, times string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.cluster, objects), []byte(times), 0o600); err != nil {
		t.Fatal(err)
	}
}

// mounts reports whether the pods of a program of the monitoring have a ConfigMap.
func mounts(t *testing.T, program, configuration string) bool {
	t.Helper()
	pods, err := read(t).Pods()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(pods, func(pod *corev1.Pod) bool {
		return pod.Namespace == "istio-system" && pod.Labels["app"] == program && slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
			return v.ConfigMap != nil && v.ConfigMap.Name == configuration
		})
	})
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
