package verify

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// A shell runs the commands of docs/operations.md in a copy of the files that they
// use, with kubectl for the API server and kustomize.
type shell struct{ dir, programs, kubeconfig string }

func newShell(t *testing.T, kubeconfig string) shell {
	t.Helper()
	s := shell{dir: t.TempDir(), programs: t.TempDir(), kubeconfig: kubeconfig}
	for _, name := range []string{"kubectl", "kustomize"} {
		if err := os.Symlink(kubernetes(t, name), filepath.Join(s.programs, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.CopyFS(filepath.Join(s.dir, "manifests"), os.DirFS(dir)), os.CopyFS(filepath.Join(s.dir, "docs"), os.DirFS(guide))); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs a script up to its first failing command, and returns its output.
func (s shell) run(t *testing.T, script string) (string, error) {
	command := exec.CommandContext(t.Context(), "sh", "-e", "-c", script)
	command.Dir = s.dir
	// The commands of the guides are those of a user, also if make runs the tests: a make within
	// make prints more.
	environment := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKELEVEL=") || strings.HasPrefix(v, "MAKEFLAGS=") || strings.HasPrefix(v, "MFLAGS=")
	})
	command.Env = append(environment, "PATH="+s.programs+":"+os.Getenv("PATH"), "KUBECONFIG="+s.kubeconfig, "HOME="+s.dir)
	out, err := command.CombinedOutput()
	return string(out), err
}

func (s shell) must(t *testing.T, script string) string {
	t.Helper()
	out, err := s.run(t, script)
	if err != nil {
		t.Fatalf("%s\n%v\n%s", script, err, out)
	}
	return out
}

// onlyCluster are commands that need nodes, or programs other than kubectl.
var onlyCluster = regexp.MustCompile(`(?m)^( *)(?:.*kubectl -n \S+ (?:exec|rollout status|rollout undo|port-forward|logs|wait) .*|vault .*|istioctl .*|make .*|minikube .*|.* -f https://.*|.*curl .*)$`)

// restart is kubectl rollout restart, which may refuse to restart what it has restarted
// within a second.
const restart = `restart() {
	namespace=$2
	shift 2
	for name; do
		out=$(kubectl -n "$namespace" rollout restart "$name" 2>&1) || case $out in (*"within the past second"*) ;; (*) echo "$out"; return 1 ;; esac
	done
}
`

// commandsOf returns the commands of a section of a page that need only an API server.
func commandsOf(t *testing.T, page, heading string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guide, page))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("%s has no %s", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n#")
	var script strings.Builder
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(section, -1) {
		script.WriteString(onlyCluster.ReplaceAllString(block[1], "$1:"))
	}
	changed := regexp.MustCompile(`kubectl (-n \S+) rollout restart`).ReplaceAllString(script.String(), "restart $1")
	if changed == script.String() {
		return changed
	}
	return restart + changed
}

// checkKubectl does what docs/operations.md says: it applies the files to an empty
// cluster, changes the secrets, updates, and installs the store with secrets of its own.
func checkKubectl(t *testing.T, kubeconfig string) {
	s := newShell(t, kubeconfig)
	all := read(t)
	const apply = "kubectl apply -k manifests"
	for _, step := range []struct {
		script, each string // contained in each line of the output
		objects      int
	}{
		{script: "kubectl apply -f manifests", each: " created", objects: len(all)},
		{script: "kubectl apply --dry-run=server -f manifests", each: " (server dry run)", objects: len(all)},
		{script: apply, each: "/", objects: len(updated(all))},
	} {
		lines := strings.Split(strings.TrimSpace(s.must(t, step.script)), "\n")
		if len(lines) != step.objects {
			t.Errorf("%s: got %d objects, want %d", step.script, len(lines), step.objects)
		}
		for _, line := range lines {
			if !strings.Contains(line, step.each) {
				t.Errorf("%s: got line %q", step.script, line)
			}
		}
	}
	generations := s.must(t, `kubectl get deployments,statefulsets,jobs,services,poddisruptionbudgets --all-namespaces -o `+
		`jsonpath='{range .items[*]}{.kind}/{.metadata.name} {.metadata.generation}{"\n"}{end}'`)
	if !strings.Contains(generations, "Deployment/api-gateway 1\n") {
		t.Fatalf("kubectl get: %s", generations)
	}
	for line := range strings.Lines(generations) {
		if generation := strings.Fields(line); len(generation) > 1 && generation[1] != "1" {
			t.Errorf("applying %s again changed it", generation[0])
		}
	}
	checkUnknownField(t, s)
	t.Run("secrets", func(t *testing.T) { checkSecrets(t, s) })
	// A namespace stays when it is deleted, since nothing removes what is in it.
	const empty = "cd manifests; rm 01-namespace-rbac.yaml; kubectl delete --ignore-not-found -f ."
	s.must(t, empty+"; kubectl -n istio-system delete secret souk-tls")
	s = newShell(t, kubeconfig)
	t.Run("deploy", func(t *testing.T) { checkDeploy(t, s) })
	s.must(t, empty)
	t.Run("tutorial", func(t *testing.T) { checkTutorial(t, newShell(t, kubeconfig)) })
}

// updated are the objects that an update applies: no Secrets and no load test.
func updated(all Documents) Documents {
	return slices.DeleteFunc(slices.Clone(all), func(d Document) bool {
		return d.GetKind() == "Secret" || strings.HasPrefix(d.File, "12-")
	})
}

func checkUnknownField(t *testing.T, s shell) {
	t.Helper()
	out, err := s.run(t, `sed 's/revisionHistoryLimit: 5/revisionHistory: 5/' manifests/03-user-service.yaml | kubectl apply --dry-run=server -f -`)
	if err == nil || !strings.Contains(out, `unknown field "spec.revisionHistory"`) {
		t.Errorf("kubectl accepts an unknown field: %v\n%s", err, out)
	}
}

// secretData are the values of all Secrets.
const secretData = `kubectl get secrets --all-namespaces -o jsonpath='{range .items[*]}{.metadata.name} {.data}{"\n"}{end}'`

// Updates keep what the rotation of each secret wrote.
func checkSecrets(t *testing.T, s shell) {
	before := s.must(t, secretData)
	s.must(t, "kubectl -n istio-system create deployment istio-ingressgateway --image=proxyv2") // Istio's
	s.must(t, "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=souk.example -keyout tls.key -out tls.crt\n"+commandsOf(t, "operations.md", "## Secrets and keys"))
	rotated := s.must(t, secretData)
	for _, name := range []string{"order-database", "service-token", "payment-provider", "api-gateway", "grafana", "souk-tls"} {
		line := regexp.MustCompile(`(?m)^` + name + ` .*$`)
		if line.FindString(rotated) == "" || line.FindString(rotated) == line.FindString(before) {
			t.Errorf("the commands do not change the Secret %s", name)
		}
	}
	s.must(t, "git init -q . && git add manifests && git -c user.name=souk -c user.email=souk@souk.example commit -qm 1.0.0 && git tag v1.0.0")
	s.must(t, commandsOf(t, "operations.md", "### Change a running cluster"))
	if got := s.must(t, secretData); got != rotated {
		t.Errorf("an update changes secrets: they were\n%s\nand are\n%s", rotated, got)
	}
	if out, err := s.run(t, "kubectl create -f manifests/01-secrets.yaml"); err == nil || s.must(t, secretData) != rotated {
		t.Errorf("creating the secrets again changes them: %s", out)
	}
	checkImage(t, s, "registry.example/souk:1.1.0")
	checkRollBack(t, s)
	// The file of the repository, in contrast, brings the old values back.
	if out := s.must(t, "kubectl apply --dry-run=server -f manifests/01-secrets.yaml"); !strings.Contains(out, "secret/order-database configured") {
		t.Errorf("the rotation is not seen: %s", out)
	}
}

// One command restores the previous version, also after an update that changed the services
// first, and keeps the secrets.
func checkRollBack(t *testing.T, s shell) {
	t.Helper()
	secrets := s.must(t, secretData)
	checkRollBackOrder(t, s)
	checkImage(t, s, "souk:1.0.0")
	services, rest, found := strings.Cut(commandsOf(t, "operations.md", "#### The order of an update"), "done\n")
	if s.must(t, services+"done\n"); !found {
		t.Fatal("docs/operations.md does not update the services first")
	}
	images := s.must(t, imagesOf)
	if strings.Count(images, "-service registry.example/souk:1.1.0\n") != 5 || !strings.Contains(images, "api-gateway souk:1.0.0\n") {
		t.Errorf("after the services are updated, the images are\n%s", images)
	}
	s.must(t, rest)
	checkImage(t, s, "registry.example/souk:1.1.0")
	if got := s.must(t, secretData); got != secrets {
		t.Errorf("rolling back changes secrets: they were\n%s\nand are\n%s", secrets, got)
	}
}

// imagesOf lists the Deployments with their images.
const imagesOf = `kubectl -n ecommerce get deployments -o jsonpath='{range .items[*]}{.metadata.name} {.spec.template.spec.containers[0].image}{"\n"}{end}'`

// checkRollBackOrder runs the command that rolls back. While it waits for the routers, these
// have the previous files, and the services the new ones. If they do not become ready, the
// services stay.
func checkRollBackOrder(t *testing.T, s shell) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(guide, "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	const command = "make rollback TO=v1.0.0"
	if !strings.Contains(string(text), "\n"+command+"\n") {
		t.Fatalf("docs/operations.md has no %s", command)
	}
	if err := os.Symlink(absolute(t, "../../Makefile"), filepath.Join(s.dir, "Makefile")); err != nil {
		t.Fatal(err)
	}
	// Nothing rolls out here. The wrapper notes the state while kubectl would wait.
	wrapped := s
	wrapped.programs = t.TempDir()
	script := "#!/bin/sh\ncase \"$*\" in (*'rollout status'*) PATH=" + s.programs + ":$PATH\n" + imagesOf +
		" > seen\nkubectl -n ecommerce get configmap api-gateway-graph -o jsonpath='{.data}' >> seen\nexit ${ROLLOUT:-0};; esac\nexec " + s.programs + "/kubectl \"$@\"\n"
	if err := os.WriteFile(filepath.Join(wrapped.programs, "kubectl"), []byte(script), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	// The new version has another supergraph, another configuration of Prometheus, of which a pod
	// runs, and a policy more.
	s.must(t, "kubectl create -f - <<'END'\napiVersion: v1\nkind: Pod\nmetadata: {name: prometheus-0, namespace: istio-system, labels: {app: prometheus}}\n"+
		"spec: {serviceAccountName: prometheus, containers: [{name: prometheus, image: prometheus}]}\nEND\n")
	const policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: block, namespace: ecommerce}\nspec: {action: DENY}\n"
	s.must(t, `sed -i 's/# Made by/# new: made by/' manifests/08-api-gateway.yaml && sed -i 's/scrape_interval: 15s/scrape_interval: 20s/' manifests/11-observability.yaml && printf -- '---\n`+policy+`' >> manifests/11-observability.yaml && kubectl apply -k manifests`)
	s.must(t, "git add manifests && git -c user.name=souk -c user.email=souk@souk.example commit -qm 1.1.0")
	if graph := s.must(t, "kubectl -n ecommerce get configmap api-gateway-graph -o jsonpath='{.data}'"); !strings.Contains(graph, "# new") {
		t.Fatal("the supergraph has not changed")
	}
	if out, err := wrapped.run(t, "ROLLOUT=1 "+command); err == nil {
		t.Errorf("the command succeeds without routers: %s", out)
	}
	check := func(when string) {
		t.Helper()
		seen := s.must(t, "cat seen")
		if strings.Count(seen, "-service registry.example/souk:1.1.0\n") != 5 || !strings.Contains(seen, "api-gateway souk:1.0.0\n") || strings.Contains(seen, "# new") {
			t.Errorf("%s:\n%.2000s", when, seen)
		}
	}
	check("while the routers are rolled back")
	s.must(t, imagesOf+" > seen")
	check("when the routers did not become ready")
	const remove = "\nkubectl -n ecommerce delete AuthorizationPolicy.v1.security.istio.io block\n"
	const restarts = `kubectl -n istio-system get statefulsets,deployments -o jsonpath='{range .items[*]}{.metadata.name} {.spec.template.metadata.annotations.kubectl\.kubernetes\.io/restartedAt}{"\n"}{end}'`
	withoutPrometheus := func(list string) string {
		return strings.Join(slices.DeleteFunc(strings.Split(list, "\n"), func(line string) bool { return strings.HasPrefix(line, "prometheus ") }), "\n")
	}
	before := s.must(t, restarts)
	if out := wrapped.must(t, command); !strings.HasSuffix(out, remove) || strings.Count(out, "\nkubectl ") != 1 {
		t.Errorf("a rollback does not end with what is left of the newer version:\n%s", out)
	}
	if after := s.must(t, restarts); withoutPrometheus(after) != withoutPrometheus(before) || after == before {
		t.Errorf("a rollback that changes the configuration of Prometheus restarts other programs, or not this one: they were restarted at\n%s\nand before at\n%s", after, before)
	}
	s.must(t, "kubectl -n istio-system delete --grace-period=0 --force pod prometheus-0")
	s.must(t, remove+"git checkout -q v1.0.0 -- manifests")
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	absolute, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// The store is installed with secrets of its own, one image, and without the load test.
func checkDeploy(t *testing.T, s shell) {
	s.must(t, commandsOf(t, "operations.md", "## Deploy"))
	for _, d := range updated(read(t)) {
		if d.GetKind() == "Deployment" {
			s.must(t, "kubectl -n "+d.GetNamespace()+" get deployment "+d.GetName())
		}
	}
	if jobs := s.must(t, "kubectl get jobs --all-namespaces -o name"); jobs != "" {
		t.Errorf("the store is installed with %s", jobs)
	}
	secrets := s.must(t, `kubectl get secrets --all-namespaces -o go-template='{{range .items}}{{.metadata.name}}{{range $k, $v := .data}} {{$v | base64decode}}{{end}}{{"\n"}}{{end}}'`)
	if strings.Contains(secrets, "change-me") || strings.Count(secrets, "-database ") != 6 {
		t.Errorf("the secrets are\n%s", secrets)
	}
	for _, name := range []string{"order", "payment"} {
		line := regexp.MustCompile(`(?m)^` + name + `-database postgres://\w+:(\w+)@\S+ \w+ (\w+) \w+$`).FindStringSubmatch(secrets)
		if line == nil || line[1] != line[2] {
			t.Errorf("the passwords of the database %s differ: %q", name, line)
		}
	}
	checkImage(t, s, "registry.example/souk:1.0.0")
	s.must(t, "kubectl apply --dry-run=server -f docs/backups.yaml\n"+ // commandsOf leaves out waiting
		"kubectl -n ecommerce create job backup-now --from=cronjob/backup\nkubectl -n ecommerce delete job backup-now")
	checkPaymentProvider(t, s)
}

// Another payment provider takes the place of the simulated one, of which nothing is left.
func checkPaymentProvider(t *testing.T, s shell) {
	t.Helper()
	s.must(t, "sed -i '/06-payment-provider.yaml/d' manifests/Kustomization\nsed -i 's/inventory payment product/inventory product/' manifests/13-backup.yaml\n"+
		commandsOf(t, "operations.md", "### A real payment provider"))
	const left = "kubectl -n ecommerce get deployments,statefulsets,services,secrets,persistentvolumeclaims -o name | grep payment"
	if got, want := s.must(t, left), "secret/payment-provider\n"; got != want {
		t.Errorf("of the simulated payment provider there are %q, want the key of the real one: %q", got, want)
	}
	if got := s.must(t, "kubectl -n ecommerce get cronjob backup -o jsonpath='{.spec.jobTemplate.spec.template.spec.initContainers[0].env[1].value}'"); got != "order inventory product user notification" {
		t.Errorf("the backups are of %q", got)
	}
	s.must(t, "kubectl delete -f docs/payment-egress.yaml")
}

// The tutorial's commands work in their order.
func checkTutorial(t *testing.T, s shell) {
	const page = "tutorial.md"
	s.must(t, commandsOf(t, page, "## Deploy the store"))
	modes := s.must(t, `kubectl -n ecommerce get deployments -o jsonpath='{range .items[*].spec.template.spec.containers[*].env[?(@.name=="AUTH_MODE")]}{.value}{"\n"}{end}'`)
	if modes != strings.Repeat("tutorial\n", 5) {
		t.Errorf("the services have the modes %q", modes)
	}
	if servers := s.must(t, "kubectl -n ecommerce get gateways.networking.istio.io souk-gateway -o jsonpath='{.spec.servers}'"); strings.Contains(servers, "httpsRedirect") || !strings.Contains(servers, "souk-tls") {
		t.Errorf("the gateway has the servers %s", servers)
	}
	if open := s.must(t, `kubectl -n ecommerce get deployment api-gateway -o jsonpath='{.spec.template.spec.containers[0].env[?(@.value=="true")].name}'`); open != "INTROSPECTION PLAYGROUND" {
		t.Errorf("the router has the variables %q", open)
	}
	s.must(t, "kubectl -n istio-system create service loadbalancer istio-ingressgateway --tcp=80:8080\n"+ // Istio's
		`kubectl -n istio-system patch service istio-ingressgateway --subresource=status -p '{"status":{"loadBalancer":{"ingress":[{"ip":"10.1.2.3"}]}}}'`)
	address := strings.ReplaceAll(commandsOf(t, page, "## Find the address"), "http://$(", "$(") // which it needs no network for
	if out := s.must(t, address+`echo "at $GATEWAY_URL"`); !strings.Contains(out, "at 10.1.2.3") {
		t.Errorf("the address of the gateway: %s", out)
	}
	replicas := func() string {
		return s.must(t, "kubectl -n ecommerce get deployment inventory-service -o jsonpath='{.spec.replicas}'")
	}
	away, back, _ := strings.Cut(commandsOf(t, page, "## Take a service away"), "\n")
	if s.must(t, away); replicas() != "0" {
		t.Errorf("inventory has %s replicas", replicas())
	}
	if s.must(t, back); replicas() != "2" {
		t.Errorf("inventory has %s replicas again", replicas())
	}
	s.must(t, commandsOf(t, page, "## Run the load test")+"kubectl -n ecommerce get job load-test")
}

// The clean-up of the tutorial leaves nothing of the store, and neither does that of the
// operations guide, with what the guide creates besides the manifests. It comes last: the
// namespace takes nothing new afterwards.
func checkCleanUp(t *testing.T, s shell) {
	s.must(t, "kubectl -n istio-system delete secret souk-tls --ignore-not-found\nkubectl apply -f manifests\n"+volumeClaims(t, read(t), "ecommerce", "istio-system"))
	for _, page := range []string{"tutorial.md", "operations.md"} {
		if page == "operations.md" { // all but what is in the namespace that is gone
			s.must(t, "kubectl apply -k manifests -l app=grafana\n"+volumeClaims(t, read(t), "istio-system")+
				"touch tls.crt tls.key\nkubectl -n istio-system create secret generic souk-tls --from-file=tls.crt\n"+
				"kubectl -n istio-system create secret generic alertmanager-receivers --from-literal=page=https://paging.example\n")
		}
		s.must(t, regexp.MustCompile(`kubectl delete -([fk]) manifests/`).ReplaceAllString(commandsOf(t, page, "## Clean up"), "kubectl delete --wait=false -$1 manifests/"))
		kinds := strings.ReplaceAll(strings.TrimSpace(s.must(t, "kubectl api-resources --verbs=list,delete -o name")), "\n", ",")
		left := s.must(t, "kubectl get "+kinds+` --all-namespaces --ignore-not-found -o jsonpath='{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name} {.metadata.labels.app\.kubernetes\.io/part-of} {.metadata.deletionTimestamp}{"\n"}{end}'`)
		for line := range strings.Lines(left) {
			name, rest, _ := strings.Cut(line, " ")
			ours := strings.Contains(rest, "souk") || strings.HasPrefix(name, "PersistentVolumeClaim/") || strings.HasPrefix(name, "Secret/istio-system/")
			if gone := name == "Namespace//ecommerce"; ours && !gone {
				t.Errorf("the clean-up of %s leaves %s", page, line)
			}
		}
	}
}

// volumeClaims are commands that create the claims that the controller of StatefulSets would.
func volumeClaims(t *testing.T, documents Documents, namespaces ...string) string {
	t.Helper()
	var script strings.Builder
	for _, set := range documents.OfKind("StatefulSet") {
		if !slices.Contains(namespaces, set.GetNamespace()) {
			continue
		}
		selector, _, _ := unstructured.NestedStringMap(set.Object, "spec", "selector", "matchLabels")
		templates, _, _ := unstructured.NestedSlice(set.Object, "spec", "volumeClaimTemplates")
		for _, template := range templates {
			claim := &unstructured.Unstructured{Object: template.(map[string]any)}
			claim.SetAPIVersion("v1")
			claim.SetKind("PersistentVolumeClaim")
			claim.SetName(claim.GetName() + "-" + set.GetName() + "-0")
			claim.SetNamespace(set.GetNamespace())
			claim.SetLabels(selector)
			text, err := yaml.Marshal(claim.Object)
			if err != nil {
				t.Fatal(err)
			}
			script.WriteString("kubectl apply -f - <<'END'\n" + string(text) + "END\n")
		}
	}
	return script.String()
}

// checkImage wants one image for all programs of the store.
func checkImage(t *testing.T, s shell, want string) {
	t.Helper()
	images := strings.Fields(s.must(t, `kubectl get deployments --all-namespaces -o jsonpath='{range .items[*].spec.template.spec.containers[*]}{.image}{"\n"}{end}'`))
	ours := slices.DeleteFunc(images, func(image string) bool { return !strings.Contains(image, "souk") })
	if others := slices.DeleteFunc(slices.Clone(ours), func(image string) bool { return image == want }); len(ours) != 7 || len(others) > 0 {
		t.Errorf("the images of the store are %v, want %s", ours, want)
	}
}
