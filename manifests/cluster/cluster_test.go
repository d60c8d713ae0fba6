package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A result is what a run printed, its status, and the commands that it ran.
type result struct {
	status   int
	out, log string
	secrets  string
}

// follow runs the command with shims of the programs in a PATH that has nothing else.
func follow(t *testing.T, programs []string, variables map[string]string, arguments ...string) result {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := t.TempDir(), t.TempDir()
	for _, program := range programs {
		if err := os.Symlink(self, filepath.Join(bin, program)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	t.Setenv("SHIM_LOG", filepath.Join(dir, "log"))
	for _, key := range []string{"SHIM_CLUSTERS", "SHIM_FAILS", "SHIM_STORE_FAILS"} {
		t.Setenv(key, variables[key])
	}
	now := make(chan time.Time)
	close(now)
	var out bytes.Buffer
	status := run(t.Context(), append([]string{"-dir", dir}, arguments...), &out, func() <-chan time.Time { return now })
	log, _ := os.ReadFile(filepath.Join(dir, "log"))         // none if nothing ran
	secrets, _ := os.ReadFile(filepath.Join(dir, "secrets")) // none if none were created
	hide := strings.NewReplacer(dir, "DIR")
	return result{status, hide.Replace(out.String()), hide.Replace(string(log)), string(secrets)}
}

var all = []string{"docker", "kind", "kubectl", "istioctl", "make"}

func (r result) has(t *testing.T, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(r.out, want) {
			t.Errorf("the output has no %q:\n%s", want, r.out)
		}
	}
}

// inOrder wants each command in the log, in this order.
func (r result) inOrder(t *testing.T, commands ...string) {
	t.Helper()
	rest := "\n" + r.log
	for _, command := range commands {
		_, after, found := strings.Cut(rest, "\n"+command+"\n")
		if !found {
			t.Fatalf("%q did not run at its place:\n%s", command, r.log)
		}
		rest = "\n" + after
	}
}

func TestEverythingHolds(t *testing.T) {
	r := follow(t, all, nil)
	if r.status != 0 {
		t.Fatalf("got status %d:\n%s", r.status, r.out)
	}
	r.has(t, "13 of 13 held", "held: an order is confirmed\n", "export KUBECONFIG=DIR/kubeconfig")
	r.inOrder(t,
		"make image ENGINE=docker IMAGE=docker.io/library/souk:1.0.0",
		"docker save -o DIR/image.tar docker.io/library/souk:1.0.0",
		"kind create cluster --name souk --wait 5m",
		"kind load image-archive DIR/image.tar --name souk",
		"istioctl install -y -f docs/istio.yaml --readiness-timeout 10m",
		"kubectl apply -f manifests/01-namespace-rbac.yaml",
		"kubectl create -f -",
		"kubectl apply -k docs/tutorial",
		"kubectl -n ecommerce rollout status statefulset.apps/redis --timeout=10m",
		"kubectl -n ecommerce rollout status deployment.apps/api-gateway --timeout=10m",
		"kubectl -n istio-system port-forward service/istio-ingressgateway :80",
		"kubectl -n ecommerce scale deployment/inventory-service --replicas=0",
		"kubectl -n ecommerce scale deployment/inventory-service --replicas=2",
		"kubectl apply -f manifests/12-load-test.yaml",
		"kubectl -n istio-system port-forward service/prometheus :9090",
	)
	if strings.Contains(r.secrets, "change-me") || !strings.Contains(r.secrets, "name: order-database") {
		t.Errorf("these secrets are created:\n%s", r.secrets)
	}
	password := regexp.MustCompile(`postgres://order:(\w+)@`).FindStringSubmatch(r.secrets)
	if password == nil || !strings.Contains(r.secrets, "POSTGRES_PASSWORD: "+password[1]+"\n") || strings.Count(r.secrets, password[1]) != 2 {
		t.Errorf("the passwords of a database differ, or are those of others:\n%s", r.secrets)
	}
}

func TestPresentClusterGetsTheNewImage(t *testing.T) {
	r := follow(t, all, map[string]string{"SHIM_CLUSTERS": "other\nsouk"})
	if r.status != 0 || strings.Contains(r.log, "kind create") {
		t.Fatalf("got status %d:\n%s", r.status, r.log)
	}
	r.inOrder(t, "kind export kubeconfig --name souk", "kubectl apply -k docs/tutorial", "kubectl -n ecommerce rollout restart deployment")
	if r := follow(t, all, map[string]string{"SHIM_CLUSTERS": "souk-2"}); !strings.Contains(r.log, "kind create cluster --name souk ") {
		t.Errorf("another cluster is used:\n%s", r.log)
	}
}

func TestOtherPrograms(t *testing.T) {
	k3d := follow(t, []string{"podman", "k3d", "kubectl", "istioctl", "make"}, nil)
	if k3d.status != 0 {
		t.Fatalf("got status %d:\n%s", k3d.status, k3d.out)
	}
	k3d.inOrder(t, "make image ENGINE=podman IMAGE=docker.io/library/souk:1.0.0", "k3d kubeconfig get souk", "k3d image import DIR/image.tar --cluster souk",
		"istioctl install -y -f docs/istio.yaml --readiness-timeout 10m --set values.global.platform=k3d")
	minikube := follow(t, []string{"docker", "minikube", "kubectl", "istioctl", "make"}, nil)
	if minikube.status != 0 {
		t.Fatalf("got status %d:\n%s", minikube.status, minikube.out)
	}
	minikube.inOrder(t, "minikube start -p souk --driver docker --cni calico --addons metrics-server --wait all", "minikube -p souk image load DIR/image.tar")
}

// docs/tutorial.md has the options with which clusters are started here.
func TestTutorialStartsTheSameClusters(t *testing.T) {
	page, err := os.ReadFile("docs/tutorial.md")
	if err != nil {
		t.Fatal(err)
	}
	for creator, starts := range map[string]string{"kind": "kind create", "k3d": "k3d cluster create", "minikube": "minikube start"} {
		r := follow(t, []string{"docker", creator, "kubectl", "istioctl", "make"}, nil)
		found := 0
		for line := range strings.Lines(r.log) {
			var wants string
			_, options, set := strings.Cut(line, "--set ")
			switch {
			case strings.HasPrefix(line, starts):
				// The kubeconfig of make cluster is one of its own.
				wants = "\n" + strings.Replace(line, " --kubeconfig-update-default=false", "", 1)
			case strings.HasPrefix(line, "istioctl install") && set:
				wants = "`--set " + strings.TrimSpace(options) + "`"
			default:
				continue
			}
			if found++; !strings.Contains(string(page), wants) {
				t.Errorf("%s: the tutorial lacks %q", creator, wants)
			}
		}
		if want := map[bool]int{true: 1, false: 2}[creator == "kind"]; found != want {
			t.Errorf("%s: %d commands with options, want %d:\n%s", creator, found, want, r.log)
		}
	}
}

func TestMissingProgramsAreNamed(t *testing.T) {
	r := follow(t, nil, nil)
	if r.status != 2 || r.log != "" {
		t.Errorf("got status %d, and ran %s", r.status, r.log)
	}
	r.has(t, "kind, k3d or minikube", "a container engine", "kubectl. Install", "istioctl, which", "make, which")
	r = follow(t, all, map[string]string{"SHIM_FAILS": "docker info"})
	if r.status != 2 || r.log != "" {
		t.Errorf("without a daemon: got status %d, and ran %s", r.status, r.log)
	}
	r.has(t, "docker is installed, and `docker info` fails")
}

func TestFailuresAreShown(t *testing.T) {
	pod := follow(t, all, map[string]string{"SHIM_FAILS": "kubectl -n ecommerce rollout status statefulset.apps/redis"})
	if pod.status != 1 || strings.Contains(pod.log, "port-forward") {
		t.Errorf("with a pod that is never ready: got status %d:\n%s", pod.status, pod.log)
	}
	pod.inOrder(t, "kubectl -n ecommerce get pods -o wide", "kubectl -n ecommerce get events --field-selector type=Warning --sort-by .lastTimestamp")
	pod.has(t, "failed: Wait for every pod: kubectl -n ecommerce rollout status statefulset.apps/redis --timeout=10m: exit status 1", "8 CPUs and 16 GB")

	order := follow(t, all, map[string]string{"SHIM_STORE_FAILS": "POST /api/orders"})
	if order.status != 1 || !strings.Contains(order.log, "--replicas=2") {
		t.Errorf("with an experiment that fails: got status %d:\n%s", order.status, order.log)
	}
	order.has(t, "10 of 13 held", "DID NOT HOLD: an order is confirmed: POST /api/orders: got status 500 Internal Server Error, want 201", "held: inventory starts\n")

	load := follow(t, all, map[string]string{"SHIM_FAILS": "kubectl -n ecommerce get job load-test"})
	if load.status != 1 {
		t.Errorf("with a load test that fails: got status %d", load.status)
	}
	load.has(t, "12 of 13 held", "DID NOT HOLD: the load test ends within its thresholds")
}

func TestClusterIsDeleted(t *testing.T) {
	r := follow(t, all, nil, "-down")
	if r.status != 0 || r.log != "kind delete cluster --name souk\n" {
		t.Errorf("got status %d, and ran %s", r.status, r.log)
	}
}

// A program that hangs is stopped at its limit.
func TestLimitEndsAProgram(t *testing.T) {
	c := &cluster{dir: t.TempDir(), out: &bytes.Buffer{}}
	_, err := c.run(t.Context(), command{limit: time.Millisecond, words: []string{"sleep", "600"}})
	if err == nil || !strings.Contains(err.Error(), "sleep 600: it did not end within 1ms") {
		t.Errorf("got %v", err)
	}
}
