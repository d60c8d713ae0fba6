package verify

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// composed returns the manifests with components, as `kubectl apply -k` applies them, the
// Secrets and the load test, all with the changes. A change of a component names its file by
// a path.
func composed(t *testing.T, components []string, changes ...Change) Documents {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a build of kubectl")
	}
	root := filepath.Join(t.TempDir(), "manifests")
	if err := os.CopyFS(root, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		change(t, root, c)
	}
	overlay := filepath.Join(filepath.Dir(root), "overlay")
	if err := os.Mkdir(overlay, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "resources: [../manifests]\ncomponents:\n"
	for _, name := range components {
		text += "  - ../manifests/components/" + name + "\n"
	}
	if err := os.WriteFile(filepath.Join(overlay, "kustomization.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	documents, err := decode("kustomize", kustomization(t, overlay))
	if err != nil {
		t.Fatal(err)
	}
	return append(documents, besides(t, root, components)...)
}

// kustomization returns what kubectl makes of a directory.
func kustomization(t *testing.T, directory string) []byte {
	t.Helper()
	command := exec.CommandContext(t.Context(), kubernetes(t, "kubectl"), "kustomize", directory)
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		t.Fatalf("kubectl kustomize: %v\n%s", err, complaint.String())
	}
	return out
}

// besides returns what is applied apart from the Kustomization: Secrets, and the load test.
func besides(t *testing.T, root string, components []string) Documents {
	t.Helper()
	files := []string{"01-secrets.yaml", "12-load-test.yaml"}
	for _, name := range components {
		files = append(files, filepath.Join("components", name, "secrets.yaml"))
	}
	var all Documents
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if os.IsNotExist(err) {
			continue // the component has no Secrets
		} else if err != nil {
			t.Fatal(err)
		}
		documents, err := decode(file, text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, documents...)
	}
	return all
}

func change(t *testing.T, root string, c Change) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, c.File+"*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if changed := strings.ReplaceAll(string(text), c.Old, c.New); changed != string(text) {
			if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no file %s* has %q to change", c.File, c.Old)
}

// The commands of docs/operations.md add every component to the Kustomization.
func TestComponentsAreAdded(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a build of kubectl")
	}
	s := newShell(t, "")
	text, err := os.ReadFile(filepath.Join(guide, "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "components", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		command := "(cd manifests && kustomize edit add component components/" + filepath.Base(path) + ")"
		if !strings.Contains(string(text), "\n"+command+"\n") {
			t.Errorf("docs/operations.md does not have %s", command)
		}
		s.must(t, command)
	}
	out := s.must(t, "kubectl kustomize manifests")
	for _, kind := range []string{"HTTPRoute", "ExternalSecret", "Cluster"} {
		if !strings.Contains(out, "\nkind: "+kind+"\n") {
			t.Errorf("the store with all components has no %s", kind)
		}
	}
	if !strings.Contains(out, "name: redis-sentinel\n") || strings.Contains(out, "kind: VirtualService\n") {
		t.Error("a component has no effect")
	}
}

// componentSets are the components, alone and together.
var componentSets = [][]string{
	{"ambient"}, {"redis-sentinel"}, {"cloudnative-pg"}, {"external-secrets"},
	{"cloudnative-pg", "redis-sentinel", "ambient", "external-secrets"},
}

// A cluster of its own, because components change objects that the other tests leave behind.
func TestAPIServerAcceptsComponents(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a build of kube-apiserver")
	}
	server := startAPIServer(t)
	if err := server.try(t.Context(), istioSystem(), nil); err != nil {
		t.Fatal(err)
	}
	checkComponents(t, server)
	checkComponentCommands(t, server)
}

// checkComponents applies the store with components to an API server that knows their types,
// and pods as they run there.
func checkComponents(t *testing.T, server *apiServer) {
	t.Helper()
	server.install(t, slices.Concat(gatewayCRDs(t), databaseCRDs(t), secretCRDs(t)))
	for _, components := range componentSets {
		documents := composed(t, components)
		pods := injected(t, documents)
		if documents.ambient() {
			var err error
			if pods, err = documents.Pods(); err != nil {
				t.Fatal(err)
			}
		}
		if err := server.try(t.Context(), documents, pods); err != nil {
			t.Errorf("%v: %v", components, err)
		}
	}
	for name, wrong := range map[string]fault{
		"route":    {file: "components/ambient/routes", old: "timeouts: {request: 10s}", new: "timeouts: {requests: 10s}", said: "field not declared in schema"},
		"cluster":  {file: "components/cloudnative-pg/clusters", old: "instances: 2", new: "instances: two", said: "instances"},
		"backup":   {file: "components/cloudnative-pg/backups", old: "schedule:", new: "schedules:", said: "field not declared in schema"},
		"secret":   {file: "components/external-secrets/ext", old: "secretKey: SERVICE_TOKEN", new: "key: SERVICE_TOKEN", said: "field not declared in schema"},
		"listener": {file: "components/ambient/gateway", old: "protocol: HTTPS", new: "protocol: HTTPS!", said: "protocol"},
	} {
		wrong.noticed(t, name, server.try(t.Context(), wrong.with(t, strings.Split(wrong.file, "/")[1]), nil))
	}
}

// moves are the sections of docs/operations.md that move a running store to a component and
// back. kept are kinds that stay: volumes, and what a finalizer keeps without a controller.
var moves = []struct {
	component, there, back string
	kept                   []string
}{
	{component: "ambient", there: "### Ambient mode and the Gateway API", back: "#### Back from ambient mode"},
	{component: "redis-sentinel", there: "### Redis with Sentinels", back: "#### Back to one Redis"},
	{component: "cloudnative-pg", there: "### Postgres by CloudNativePG", back: "#### Back to single servers", kept: []string{"PersistentVolumeClaim"}},
	{component: "external-secrets", there: "### Secrets from a secret store", back: "#### Back to Secrets of your own", kept: []string{"ExternalSecret"}},
}

// checkComponentCommands runs the commands of docs/operations.md that move a store to a component
// and back, and change passwords there. Nothing stays of the way that was left.
func checkComponentCommands(t *testing.T, server *apiServer) {
	t.Helper()
	base := updated(read(t))
	for _, m := range moves {
		s := newShell(t, server.kubeconfig)
		s.must(t, "kubectl apply -k manifests")
		with := updated(composed(t, []string{m.component}))
		s.must(t, commandsOf(t, "operations.md", m.there))
		checkGone(t, s, m.component, base.without(with), m.kept)
		switch m.component {
		case "redis-sentinel":
			values := strings.Fields(s.must(t, `kubectl -n ecommerce get secret redis -o go-template='{{.data.REDIS_PASSWORD | base64decode}} {{.data.REDIS_URL | base64decode}}'`))
			if len(values) != 2 || strings.Contains(values[1], "change-me") || strings.Count(values[1], values[0]) != 2 {
				t.Errorf("the Secret redis has the values %q", values)
			}
		case "cloudnative-pg":
			checkOperatorPassword(t, s)
		case "external-secrets":
			if when := s.must(t, `kubectl -n ecommerce get externalsecret order-database -o jsonpath='{.metadata.annotations.force-sync}'`); when == "" {
				t.Error("the operator does not read the new password at once")
			}
		}
		// Nothing takes the finalizer of an orphan's owner away here.
		s.must(t, strings.ReplaceAll(commandsOf(t, "operations.md", m.back), "--cascade=orphan", "--cascade=orphan --wait=false"))
		checkGone(t, s, "the base after "+m.component, with.without(base), m.kept)
		if out := s.must(t, "kubectl diff -k manifests || true"); strings.Contains(out, "\n+") {
			t.Errorf("after the way back from %s, the store is not that of the base:\n%.2000s", m.component, out)
		}
	}
}

// without returns the documents that others do not have.
func (d Documents) without(others Documents) Documents {
	return slices.DeleteFunc(slices.Clone(d), func(document Document) bool {
		return others.Has(document.GetKind(), document.GetNamespace(), document.GetName())
	})
}

// checkGone wants none of the documents in the cluster, apart from some kinds.
func checkGone(t *testing.T, s shell, where string, documents Documents, kept []string) {
	t.Helper()
	documents = slices.DeleteFunc(documents, func(d Document) bool { return slices.Contains(kept, d.GetKind()) })
	if len(documents) == 0 {
		return
	}
	file := filepath.Join(t.TempDir(), "left.yaml")
	writeDocuments(t, file, documents)
	if left := s.must(t, "kubectl get --ignore-not-found -o name -f "+file); left != "" {
		t.Errorf("%s: the commands leave\n%s", where, left)
	}
}

// named are the pods that commands of the guide and the runbook run in, by Service.
var named = regexp.MustCompile(`kubectl -n (\S+) exec (?:-i )?service/(\S+) -c (\S+) -- (?:sh (/\S+))?`)

// The commands of the guide and the runbook find Redis and Postgres with any component: the
// Service selects pods of one workload with the container, and the script is there.
func TestCommandsFindPodsWithComponents(t *testing.T) {
	text := ""
	for _, page := range []string{"operations.md", "runbook.md"} {
		content, err := os.ReadFile(filepath.Join(guide, page))
		if err != nil {
			t.Fatal(err)
		}
		text += string(content)
	}
	if single := regexp.MustCompile(`(exec|logs) .*(statefulset/(redis|\w+-postgres)|\b(redis|\w+-postgres)-0) `).FindString(text); single != "" {
		t.Errorf("only the base has the pod of %s", single)
	}
	for _, service := range services {
		text += strings.ReplaceAll("kubectl -n ecommerce exec service/$service-postgres -c postgres -- true\n", "$service", service)
	}
	commands := named.FindAllStringSubmatch(text, -1)
	if len(commands) < 20 {
		t.Fatalf("found only %d commands", len(commands))
	}
	for _, components := range slices.Concat(componentSets, [][]string{nil}) {
		documents := composed(t, components)
		pods, err := documents.Pods()
		if err != nil {
			t.Fatal(err)
		}
		pods = append(pods, documents.databasePods()...)
		for _, c := range commands {
			if !strings.Contains(c[2], "$") && !documents.runs(pods, c[1], c[2], c[3], c[4]) {
				t.Errorf("%v: there is no pod for %s", components, c[0])
			}
		}
	}
}

// runs reports whether a Service selects pods that have a container with a script.
func (d Documents) runs(pods []*corev1.Pod, namespace, service, container, script string) bool {
	for _, document := range d.OfKind("Service") {
		if document.GetName() != service || document.GetNamespace() != namespace {
			continue
		}
		selector, _, _ := unstructured.NestedStringMap(document.Object, "spec", "selector")
		for _, pod := range selected(pods, namespace, selector) {
			i := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == container })
			return i >= 0 && (script == "" || d.mounts(pod, pod.Spec.Containers[i], script))
		}
	}
	return false
}

// mounts reports whether a container has a file of a ConfigMap.
func (d Documents) mounts(pod *corev1.Pod, c corev1.Container, path string) bool {
	for _, mount := range c.VolumeMounts {
		for _, volume := range pod.Spec.Volumes {
			if volume.Name == mount.Name && volume.ConfigMap != nil && filepath.Dir(path) == mount.MountPath {
				return len(d.values("ConfigMap", pod.Namespace, volume.ConfigMap.Name, filepath.Base(path))) == 1
			}
		}
	}
	return false
}

// gatewayCRDs returns the definitions of the Gateway API's standard channel.
func gatewayCRDs(t *testing.T) Documents {
	t.Helper()
	var all Documents
	for _, name := range []string{"gatewayclasses", "gateways", "httproutes", "referencegrants"} {
		all = append(all, moduleDocuments(t, "sigs.k8s.io/gateway-api@v1.6.0", fmt.Sprintf("config/crd/standard/gateway.networking.k8s.io_%s.yaml", name))...)
	}
	return all
}

func databaseCRDs(t *testing.T) Documents {
	t.Helper()
	const module = "github.com/cloudnative-pg/cloudnative-pg@v1.28.0"
	var all Documents
	for _, name := range []string{"clusters", "backups", "scheduledbackups"} {
		all = append(all, moduleDocuments(t, module, "config/crd/bases/postgresql.cnpg.io_"+name+".yaml")...)
	}
	return all
}

func secretCRDs(t *testing.T) Documents {
	t.Helper()
	const module = "github.com/external-secrets/external-secrets@v1.3.2"
	return append(moduleDocuments(t, module, "config/crds/bases/external-secrets.io_externalsecrets.yaml"), moduleDocuments(t, module, "config/crds/bases/external-secrets.io_clustersecretstores.yaml")...)
}

// with returns the documents of components with the fault.
func (f fault) with(t *testing.T, components ...string) Documents {
	t.Helper()
	return composed(t, components, Change{File: f.file, Old: f.old, New: f.new})
}
