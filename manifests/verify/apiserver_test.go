package verify

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// An apiServer is a real kube-apiserver with etcd, without controllers or nodes.
type apiServer struct {
	client     dynamic.Interface
	mapper     *restmapper.DeferredDiscoveryRESTMapper
	kubeconfig string // the path of its kubeconfig file
}

// startAPIServer builds and starts one with Istio's custom resources.
func startAPIServer(t *testing.T) *apiServer {
	t.Helper()
	etcd, err := exec.LookPath("etcd")
	if err != nil {
		t.Skip("etcd is not installed; on Debian it is the package etcd-server")
	}
	dir := t.TempDir()
	binary := kubernetes(t, "kube-apiserver")
	store := "http://" + freeAddress(t)
	start(t, dir, "etcd", etcd, "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", store, "--advertise-client-urls", store, "--listen-peer-urls", "http://"+freeAddress(t))
	key := filepath.Join(dir, "sa.key")
	writeKey(t, key)
	token := rand.Text()
	tokens := filepath.Join(dir, "tokens.csv")
	if err := os.WriteFile(tokens, []byte(token+",admin,admin,system:masters\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	start(t, dir, "kube-apiserver", binary, "--etcd-servers="+store, "--secure-port="+port, "--bind-address=127.0.0.1",
		"--cert-dir="+filepath.Join(dir, "certs"), "--service-account-key-file="+key, "--service-account-signing-key-file="+key,
		"--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC",
		"--disable-admission-plugins=StorageObjectInUseProtection", // its finalizer waits for a controller
		"--token-auth-file="+tokens, "--service-cluster-ip-range=10.0.0.0/24")
	config := &rest.Config{
		Host: "https://" + address, BearerToken: token, TLSClientConfig: rest.TLSClientConfig{Insecure: true},
		QPS: 200, Burst: 400, WarningHandler: rest.NoWarnings{},
	}
	awaitReady(t, config, filepath.Join(dir, "kube-apiserver.log"))
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	known, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &apiServer{
		client: client, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(known)),
		kubeconfig: writeKubeconfig(t, dir, config),
	}
	s.install(t, istioCRDs(t))
	return s
}

// built are the paths of Kubernetes programs, by name.
var built sync.Map

// kubernetes returns the path of a Kubernetes program, which Go builds and keeps in its
// cache.
func kubernetes(t *testing.T, name string) string {
	t.Helper()
	if path, ok := built.Load(name); ok {
		return path.(string)
	}
	command := exec.CommandContext(t.Context(), "go", "tool", "-C", "apiserver", "-n", name)
	var log strings.Builder
	command.Stderr = &log
	out, err := command.Output()
	if err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, log.String())
	}
	path := strings.TrimSpace(string(out))
	built.Store(name, path)
	return path
}

// writeKubeconfig writes the client configuration for kubectl.
func writeKubeconfig(t *testing.T, dir string, config *rest.Config) string {
	t.Helper()
	path := filepath.Join(dir, "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "test",
		Contexts:       map[string]*clientcmdapi.Context{"test": {Cluster: "test", AuthInfo: "admin"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"test": {Server: config.Host, InsecureSkipTLSVerify: true}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"admin": {Token: config.BearerToken}},
	}, path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		// Below the range of ephemeral ports.
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", fmt.Sprint("127.0.0.1:", 10_000+mathrand.N(20_000)))
		if err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
}

// start runs a program until the test ends, with its output in a file.
func start(t *testing.T, dir, name, binary string, arguments ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, binary, arguments...)
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it is killed
		_ = log.Close()
	})
}

func writeKey(t *testing.T, path string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func awaitReady(t *testing.T, config *rest.Config, log string) {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	}, func() string {
		text, _ := os.ReadFile(log)
		return "the API server is not ready: " + string(text[max(0, len(text)-2000):])
	})
}

func await(t *testing.T, condition func() bool, otherwise func() string) {
	t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !condition(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise())
		}
	}
}

// istioCRDs returns Istio's custom resource definitions.
func istioCRDs(t *testing.T) Documents {
	t.Helper()
	crds, err := os.ReadFile(filepath.Join(istioModule(t), "manifests/charts/base/files/crd-all.gen.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	documents, err := decode("crd-all.gen.yaml", crds)
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

// install installs custom resource definitions.
func (s *apiServer) install(t *testing.T, documents Documents) {
	t.Helper()
	for _, document := range documents {
		if err := s.apply(t.Context(), document.Unstructured, false); err != nil {
			t.Fatal(err)
		}
	}
	await(t, func() bool {
		s.mapper.Reset()
		for _, document := range documents {
			group, _, _ := unstructured.NestedString(document.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(document.Object, "spec", "names", "kind")
			if _, err := s.mapper.RESTMapping(schema.GroupKind{Group: group, Kind: kind}); err != nil {
				return false
			}
		}
		return true
	}, func() string { return "the API server does not know the types of the custom resource definitions" })
}

// apply applies an object like `kubectl apply --server-side`, as a dry run if dry is
// set. Unknown and duplicate fields are errors.
func (s *apiServer) apply(ctx context.Context, object *unstructured.Unstructured, dry bool) error {
	kind := object.GroupVersionKind()
	mapping, err := s.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return err
	}
	text, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	var resources dynamic.ResourceInterface = s.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		resources = s.client.Resource(mapping.Resource).Namespace(object.GetNamespace())
	}
	force := true
	options := metav1.PatchOptions{FieldManager: "verify", Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dry {
		options.DryRun = []string{metav1.DryRunAll}
	}
	if _, err := resources.Patch(ctx, object.GetName(), types.ApplyPatchType, text, options); err != nil {
		return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// try applies everything. Objects that others refer to are created; the rest, and pods,
// which pod security checks, are dry runs.
func (s *apiServer) try(ctx context.Context, documents Documents, pods []*corev1.Pod) error {
	var failed error
	for _, document := range documents {
		dry := document.GetKind() != "Namespace" && document.GetKind() != "ServiceAccount"
		if err := s.apply(ctx, document.Unstructured, dry); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", document.File, err))
		}
	}
	for _, pod := range pods {
		object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
		if err != nil {
			return err
		}
		delete(object, "status")
		if err := s.apply(ctx, &unstructured.Unstructured{Object: object}, true); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// istioSystem is the namespace that Istio's installation creates.
func istioSystem() Documents {
	return Documents{{Unstructured: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "istio-system"},
	}}}}
}

func TestAPIServerAcceptsEveryManifest(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a build of kube-apiserver")
	}
	t.Parallel() // mostly it waits for processes
	server := startAPIServer(t)
	if err := server.try(t.Context(), istioSystem(), nil); err != nil {
		t.Fatal(err)
	}
	// First, while the cluster has only Istio.
	t.Run("kubectl", func(t *testing.T) { checkKubectl(t, server.kubeconfig) })
	t.Run("chart", func(t *testing.T) { checkCharts(t, server) })
	if err := server.try(t.Context(), read(t), injected(t, read(t))); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"field":            {file: "03", old: "revisionHistoryLimit:", new: "revisionsLimit:", said: ".spec.revisionsLimit: field not declared in schema"},
		"field of Istio's": {file: "10", old: "consecutive5xxErrors:", new: "consecutive5xxErrs:", said: ".spec.trafficPolicy.outlierDetection.consecutive5xxErrs: field not declared in schema"},
		"port":             {file: "08", old: "port: 9090,", new: "port: 90900,", said: ".port: Invalid value: 90900: must be between 1 and 65535"},
		"quantity":         {file: "02", old: "storage: 4Gi", new: "storage: 4Gigs", said: "quantities must match"},
		"selector":         {file: "04", old: "matchLabels: {app: product-service, version: v1}", new: "matchLabels: {app: products}", said: "`selector` does not match template `labels`"},
		"root user":        {file: "05", old: "runAsNonRoot: true", new: "runAsNonRoot: false", said: "runAsNonRoot != true"},
		"privilege":        {file: "06", old: "allowPrivilegeEscalation: false", new: "allowPrivilegeEscalation: true", said: "allowPrivilegeEscalation != false"},
		"capability":       {file: "12", old: "drop: [ALL]", new: "drop: [NET_RAW]", said: "unrestricted capabilities"},
		"seccomp profile":  {file: "08", old: "type: RuntimeDefault", new: "type: Unconfined", said: "seccompProfile"},
		"kind":             {file: "07", old: "kind: HorizontalPodAutoscaler", new: "kind: PodAutoscaler", said: `no matches for kind "PodAutoscaler"`},
		"mode of TLS":      {file: "09", old: "mode: STRICT", new: "mode: STRONG", said: `Unsupported value: "STRONG"`},
	} {
		changed := wrong.read(t)
		wrong.noticed(t, name, server.try(t.Context(), changed, injected(t, changed)))
	}
	t.Run("clean-up", func(t *testing.T) { checkCleanUp(t, newShell(t, server.kubeconfig)) })
}
