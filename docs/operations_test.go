package docs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// top is the repository's top directory, where the guide's commands run.
const top = ".."

// The things that the commands of the guide and the tutorial name exist: files, objects, containers, ports, and
// the paths that patches change.
func TestOperationsGuideCommandsNameExistingThings(t *testing.T) {
	text, err := os.ReadFile("operations.md")
	if err != nil {
		t.Fatal(err)
	}
	tutorial, err := os.ReadFile("tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	c := cluster{readObjects(t, "manifests/*.yaml", "docs/experiments/*.yaml", "docs/experiments/*/routes.yaml", "docs/backups.yaml", "manifests/components/*/*.yaml")}
	checked := 0
	for _, words := range kubectl(string(text) + string(tutorial)) {
		checked++
		if err := c.check(words); err != nil {
			t.Errorf("kubectl %s: %v", strings.Join(words, " "), err)
		}
	}
	if checked < 50 {
		t.Errorf("found only %d commands", checked)
	}
	for _, target := range regexp.MustCompile("(?m)^make ([a-z0-9-]+)|`make ([a-z0-9-]+)").FindAllStringSubmatch(string(text), -1) {
		makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
		if err != nil {
			t.Fatal(err)
		}
		if name := target[1] + target[2]; !strings.Contains(string(makefile), "\n"+name+":") {
			t.Errorf("there is no make %s", name)
		}
	}
	for _, test := range regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(string(text), -1) {
		if !declared(t, test[1]) {
			t.Errorf("there is no test %s", test[1])
		}
	}
}

// The check detects things that do not exist.
func TestWrongCommandsAreDetected(t *testing.T) {
	c := cluster{readObjects(t, "manifests/*.yaml")}
	for _, wrong := range []string{
		"kubectl -n ecommerce scale deployment/inventory --replicas=0",
		"kubectl -n shop scale deployment/inventory-service --replicas=0",
		"kubectl scale deployment/inventory-service --replicas=0",
		"kubectl -n ecommerce delete pod redis-1",
		"kubectl -n ecommerce exec statefulset/redis -c cache -- redis-cli flushall",
		"kubectl -n istio-system port-forward svc/grafana 3001",
		"kubectl -n ecommerce set image deployment/product-service product=souk:2",
		"kubectl -n ecommerce patch secret service-token --type=merge -p '{\"stringData\":{\"TOKEN\":\"new\"}}'",
		"kubectl -n ecommerce patch virtualservice product-service-versions --type=json -p '[{\"op\":\"replace\",\"path\":\"/spec/http/0/route/2/weight\",\"value\":50}]'",
		"kubectl apply -f manifests/13-more.yaml",
		`kubectl -n ecommerce patch secret grafana --type=merge -p '{"stringData":{"X":"'$NEW'"}}'`,
		"for s in user billing; do\n  kubectl -n ecommerce scale deployment/$s-service --replicas=0\ndone",
		"echo x | kubectl -n ecommerce exec -i statefulset/orders-postgres -c postgres -- psql",
		"echo x | kubectl -n ecommerce exec -i service/orders-postgres -c postgres -- psql",
		"kubectl -n ecommerce exec service/redis-cli -c cache -- redis-cli flushall",
	} {
		var err error
		for _, words := range kubectl("```sh\n" + wrong + "\n```\n") {
			err = errors.Join(err, c.check(words))
		}
		if err == nil {
			t.Errorf("not detected: %s", wrong)
		}
	}
}

func declared(t *testing.T, test string) bool {
	t.Helper()
	for _, pattern := range []string{"*_test.go", "*/*_test.go", "*/*/*_test.go", "*/*/*/*_test.go"} {
		paths, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "\nfunc "+test+"(") {
				return true
			}
		}
	}
	return false
}

// cluster has the objects that the guide's commands refer to.
type cluster struct{ objects []object }

// Objects of Istio's installation, and those that the guide creates.
var others = []string{
	"istio-system/Service/kiali", "istio-system/Deployment/istio-ingressgateway",
	"istio-system/Secret/souk-tls", "ecommerce/Secret/first-admin", "ecommerce/Job/backup-now", "ecommerce/Secret/mail", "ecommerce/Secret/backup-bucket", "ecommerce/Secret/database-backups", "istio-system/Service/istio-ingressgateway", "ecommerce/Deployment/product-service-v2", "ecommerce/Deployment/api-gateway-canary",
}

// created are files that the guide creates, and standard input.
var created = []string{"secrets.yaml", "-"}

// kinds maps the names that kubectl accepts to kinds.
var kinds = map[string]string{
	"deployment": "Deployment", "statefulset": "StatefulSet", "svc": "Service", "job": "Job",
	"secret": "Secret", "virtualservice": "VirtualService", "pod": "StatefulSet", "cronjob": "CronJob", "service": "Service",
}

// check looks up every object that a command names.
func (c cluster) check(words []string) (err error) {
	a := parse(words)
	for _, path := range a.files {
		if slices.Contains(created, path) || strings.HasPrefix(path, "https://") {
			continue
		}
		if _, missing := os.Stat(filepath.Join(top, path)); missing != nil {
			err = errors.Join(err, missing)
		}
	}
	if a.namespace != "" && !slices.ContainsFunc(c.objects, func(o object) bool { return o.Metadata.Namespace == a.namespace }) {
		err = errors.Join(err, fmt.Errorf("nothing is in namespace %s", a.namespace))
	}
	for _, named := range a.named {
		o, found := c.find(a.namespace, named[0], named[1])
		if !found {
			err = errors.Join(err, fmt.Errorf("there is no %s %s in namespace %q", named[0], named[1], a.namespace))
			continue
		}
		if o.Kind == "Service" && len(a.containers) > 0 {
			o = c.behind(o)
		}
		if o.Kind != "" {
			err = errors.Join(err, a.fits(o))
		}
	}
	return err
}

// find returns an object. Objects outside the manifests have no contents.
func (c cluster) find(namespace, kind, name string) (object, bool) {
	if kind == "pod" && slices.ContainsFunc(c.objects, func(o object) bool {
		return o.Kind == "Pod" && o.Metadata.Namespace == namespace && o.Metadata.Name == name
	}) {
		return object{}, true
	}
	if kind == "pod" {
		var ordinal string
		name, ordinal, _ = cutLast(name, "-")
		if ordinal != "0" {
			return object{}, false
		}
	}
	for _, o := range c.objects {
		if o.Metadata.Namespace == namespace && o.Kind == kinds[kind] && o.Metadata.Name == name {
			return o, true
		}
	}
	return object{}, slices.Contains(others, namespace+"/"+kinds[kind]+"/"+name)
}

// behind returns what makes the pods that a Service selects.
func (c cluster) behind(service object) object {
	selector, _ := service.at("spec", "selector")
	for _, o := range c.objects {
		own, _ := o.at("spec", "template", "metadata", "labels")
		labels, isMap := own.(map[string]any)
		if !isMap || o.Metadata.Namespace != service.Metadata.Namespace {
			continue
		}
		all := true
		for key, value := range selector.(map[string]any) {
			all = all && labels[key] == value
		}
		if all {
			return o
		}
	}
	return service // which has no containers
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// fits returns an error unless an object has everything that the command refers to.
func (a arguments) fits(o object) (err error) {
	for _, container := range a.containers {
		if !slices.Contains(o.containers(), container) {
			err = errors.Join(err, fmt.Errorf("%s %s has no container %s", o.Kind, o.Metadata.Name, container))
		}
	}
	for _, port := range a.ports {
		if !slices.Contains(o.ports(), port) {
			err = errors.Join(err, fmt.Errorf("%s %s has no port %d", o.Kind, o.Metadata.Name, port))
		}
	}
	switch a.patchType {
	case "json":
		err = errors.Join(err, a.jsonPatchFits(o))
	case "merge":
		var patch struct{ StringData map[string]string }
		if err := json.Unmarshal([]byte(a.patch), &patch); err != nil {
			return err
		}
		for key := range patch.StringData {
			if _, found := o.at("stringData", key); !found {
				err = errors.Join(err, fmt.Errorf("%s %s has no key %s", o.Kind, o.Metadata.Name, key))
			}
		}
	}
	return err
}

func (a arguments) jsonPatchFits(o object) (err error) {
	var patch []struct{ Op, Path string }
	if err := json.Unmarshal([]byte(a.patch), &patch); err != nil {
		return err
	}
	for _, p := range patch {
		if _, found := o.at(strings.Split(strings.TrimPrefix(p.Path, "/"), "/")...); p.Op != "replace" || !found {
			err = errors.Join(err, fmt.Errorf("%s %s has nothing to %s at %s", o.Kind, o.Metadata.Name, p.Op, p.Path))
		}
	}
	return err
}

// arguments are the names in a kubectl command.
type arguments struct {
	namespace         string
	files, containers []string
	named             [][2]string // kind and name
	ports             []int
	patchType, patch  string
}

func parse(words []string) (a arguments) {
	verb := ""
	for i := 0; i < len(words) && words[i] != "--"; i++ {
		word, next := words[i], ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		kind, name, slashed := strings.Cut(word, "/")
		port, notPort := strconv.Atoi(word)
		switch {
		case word == "-n":
			a.namespace, i = next, i+1
		case word == "-f" && verb != "logs": // in logs, -f has another meaning
			a.files, i = append(a.files, next), i+1
		case word == "-k":
			a.files, i = append(a.files, next), i+1
		case word == "-c":
			a.containers, i = append(a.containers, next), i+1
		case word == "-p":
			a.patch, i = next, i+1
		case word == "-l":
			i++
		case strings.HasPrefix(word, "--type="):
			a.patchType = strings.TrimPrefix(word, "--type=")
		case strings.HasPrefix(word, "-"):
		case slashed && kinds[kind] != "":
			a.named = append(a.named, [2]string{kind, name})
		case kinds[word] != "" && verb != "create" && next != "" && !strings.HasPrefix(next, "-"):
			a.named, i = append(a.named, [2]string{word, next}), i+1
		case verb == "port-forward" && notPort == nil:
			a.ports = append(a.ports, port)
		case verb == "set" && strings.Contains(word, "=") && slices.Contains(words, "image"):
			container, _, _ := strings.Cut(word, "=")
			a.containers = append(a.containers, container)
		case verb == "":
			verb = word
		}
	}
	return a
}
