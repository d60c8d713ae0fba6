package verify

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const dir = ".."

// read reads the manifests, changed.
func read(t testing.TB, changes ...Change) Documents {
	t.Helper()
	documents, err := Read(dir, changes...)
	if err != nil {
		t.Fatal(err)
	}
	return documents
}

// A fault is a change of a file, and what must then be said.
type fault struct {
	file, old, new string
	said           string
}

func (f fault) read(t testing.TB) Documents {
	t.Helper()
	return read(t, Change{f.file, f.old, f.new})
}

// noticed wants an error for the right reason.
func (f fault) noticed(t *testing.T, name string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("a wrong %s is not noticed", name)
	} else if !strings.Contains(err.Error(), f.said) {
		t.Errorf("a wrong %s is noticed by %q, which does not say %q", name, err, f.said)
	}
}

func TestReferencesResolve(t *testing.T) {
	if err := read(t).CheckReferences(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"account":    {"06", "serviceAccountName: order-service", "serviceAccountName: orders", "there is no ServiceAccount orders"},
		"secret key": {"03", "key: DATABASE_URL", "key: DATABASE", "there is no key DATABASE in a Secret user-database"},
		"config map": {"08", "configMap: {name: api-gateway-graph}", "configMap: {name: graph}", "there is no ConfigMap graph"},
		"port":       {"05", "targetPort: http,", "targetPort: grpc,", "no pod has its target port grpc"},
		"selector":   {"07", "selector: {app: notification-service}", "selector: {app: notifications}", "Service notification-service: no pod has its target port http"},
		"readiness":  {"04", "          readinessProbe:\n            httpGet: {path: /readyz, port: http}\n            periodSeconds: 5\n            timeoutSeconds: 3\n", "", "needs a readiness and a liveness probe"},
		"liveness":   {"08", "          livenessProbe:\n            httpGet: {path: /healthz, port: http-admin}\n            periodSeconds: 10\n            timeoutSeconds: 3\n            failureThreshold: 3\n", "", "needs a readiness and a liveness probe"},
		"read-only":  {"08", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "container api-gateway needs a read-only root filesystem"},
		"principal":  {"10", "sa/order-service", "sa/orders", "sa/orders, which is nobody"},
		"policy":     {"10", "matchLabels: {app: inventory-service}", "matchLabels: {app: inventory}", "selects no pod"},
		"version":    {"04", "app: product-service, version: v1,", "app: product-service,", "Kiali needs the labels app and version"},
		"HPA":        {"03", "kind: Deployment, name: user-service}", "kind: Deployment, name: user}", "scales Deployment user, which is not there"},
	} {
		wrong.noticed(t, name, wrong.read(t).CheckReferences())
	}
}

// The Kustomization, which cannot take a pattern, names every file.
func TestKustomizationIsComplete(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(dir, "Kustomization"))
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for line := range strings.Lines(string(text)) {
		if file, ok := strings.CutPrefix(strings.TrimSpace(line), "- "); ok && strings.HasSuffix(file, ".yaml") {
			named = append(named, file)
		}
	}
	var files []string
	for _, path := range paths {
		files = append(files, filepath.Base(path))
	}
	if !slices.Equal(named, files) {
		t.Errorf("it names %v; the files are %v", named, files)
	}
}
