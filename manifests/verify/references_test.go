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

func TestNamesLeadSomewhere(t *testing.T) {
	if err := read(t).CheckReferences(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]Change{
		"account":    {"06", "serviceAccountName: order-service", "serviceAccountName: orders"},
		"secret key": {"03", "key: DATABASE_URL", "key: DATABASE"},
		"config map": {"08", "configMap: {name: api-gateway-graph}", "configMap: {name: graph}"},
		"port":       {"05", "targetPort: http,", "targetPort: grpc,"},
		"selector":   {"07", "selector: {app: notification-service}", "selector: {app: notifications}"},
		"readiness":  {"04", "          readinessProbe:\n            httpGet: {path: /readyz, port: http}\n            periodSeconds: 5\n            timeoutSeconds: 3\n", ""},
		"liveness":   {"08", "          livenessProbe:\n            httpGet: {path: /healthz, port: http-admin}\n            periodSeconds: 10\n            timeoutSeconds: 3\n            failureThreshold: 3\n", ""},
		"read-only":  {"08", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false"},
		"principal":  {"10", "sa/order-service", "sa/orders"},
		"policy":     {"10", "matchLabels: {app: inventory-service}", "matchLabels: {app: inventory}"},
		"version":    {"04", "app: product-service, version: v1,", "app: product-service,"},
		"HPA":        {"03", "kind: Deployment, name: user-service}", "kind: Deployment, name: user}"},
	} {
		if err := read(t, change).CheckReferences(); err == nil {
			t.Errorf("a wrong %s is not noticed", name)
		}
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
