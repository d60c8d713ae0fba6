package verify

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const dir = ".."

// read reads the manifests with the fault applied.
func read(t testing.TB, changes ...Change) Documents {
	t.Helper()
	documents, err := Read(dir, changes...)
	if err != nil {
		t.Fatalf("%v; if you changed it, set changed: true in operator.yaml", err)
	}
	return documents
}

// A fault is a change of a file and the error that it must cause.
type fault struct {
	file, old, new string
	said           string
}

func (f fault) read(t testing.TB) Documents {
	t.Helper()
	if f.leftOut(t) {
		return read(t)
	}
	return read(t, Change{File: f.file, Old: f.old, New: f.new})
}

// leftOut reports whether the store no longer has what the fault changes, because the operator
// has changed it or put another payment provider in the place of the simulated one.
func (f fault) leftOut(t testing.TB) bool {
	t.Helper()
	return f.leftOutOf(t, dir)
}

// leftOutOf is leftOut of the store in a directory.
func (f fault) leftOutOf(t testing.TB, dir string) bool {
	t.Helper()
	o, err := settings()
	if err != nil {
		t.Fatal(err)
	}
	if payment := strings.HasPrefix(f.file, "06-p") || strings.Contains(f.old, "payment"); strings.Contains(f.file, "/") || !o.Changed && !payment {
		return false
	} else if payment && !o.Changed {
		all, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		if all.simulated() {
			return false
		}
	}
	return !fileHas(t, dir, f.file, f.old) || o.Changed && f.twice(t, dir)
}

// parameter is the key or the parameter of a URL with which an inserted text begins.
var parameter = regexp.MustCompile(`^[\n &]*[a-z_]+[:=]`)

// twice reports whether the fault inserts a key or parameter that the store has already.
func (f fault) twice(t testing.TB, dir string) bool {
	t.Helper()
	inserted, after := strings.CutPrefix(f.new, f.old)
	if !after {
		before := false
		if inserted, before = strings.CutSuffix(f.new, f.old); !before {
			return false
		}
		inserted = "\n" + inserted
	}
	key := parameter.FindString(inserted)
	return key != "" && fileHas(t, dir, f.file, key)
}

// fileHas reports whether one of the files of a directory whose names begin with a number has a text.
func fileHas(t testing.TB, dir, number, text string) bool {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, number+"*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(paths, func(path string) bool {
		all, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(all), text)
	})
}

// noticed fails the test unless the fault causes the expected error.
func (f fault) noticed(t *testing.T, name string, err error) {
	t.Helper()
	if f.leftOut(t) {
		return
	}
	if err == nil {
		// Another change of the operator may be the reason: who has another payment provider may
		// call the simulated one what they like.
		if o, _ := settings(); o.Changed {
			return
		}
		t.Errorf("wrong %s: got no error", name)
	} else if !strings.Contains(err.Error(), f.said) {
		t.Errorf("wrong %s: got error %q, want it to contain %q", name, err, f.said)
	}
}

func TestReferencesResolve(t *testing.T) {
	if err := read(t).CheckReferences(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"account":    {file: "06", old: "serviceAccountName: order-service", new: "serviceAccountName: orders", said: "there is no ServiceAccount orders"},
		"secret key": {file: "03", old: "key: DATABASE_URL", new: "key: DATABASE", said: "there is no key DATABASE in a Secret user-database"},
		"pay secret": {file: "01-s", old: "  PAYMENT_API_KEY:", new: "  API_KEY:", said: "there is no key PAYMENT_API_KEY in a Secret payment-provider"},
		"config map": {file: "08", old: "configMap: {name: api-gateway-graph}", new: "configMap: {name: graph}", said: "there is no ConfigMap graph"},
		"port":       {file: "05", old: "targetPort: http,", new: "targetPort: grpc,", said: "no pod has its target port grpc"},
		"selector":   {file: "07", old: "selector: {app: notification-service}", new: "selector: {app: notifications}", said: "Service notification-service selects no pod"},
		"readiness":  {file: "04", old: "          readinessProbe:\n            httpGet: {path: /readyz, port: http}\n            periodSeconds: 5\n            timeoutSeconds: 3\n", said: "needs a readiness and a liveness probe"},
		"liveness":   {file: "08", old: "          livenessProbe:\n            httpGet: {path: /healthz, port: http-admin}\n            periodSeconds: 10\n            timeoutSeconds: 3\n            failureThreshold: 3\n", said: "needs a readiness and a liveness probe"},
		"read-only":  {file: "08", old: "readOnlyRootFilesystem: true", new: "readOnlyRootFilesystem: false", said: "container api-gateway needs a read-only root filesystem"},
		"principal":  {file: "10", old: "sa/order-service", new: "sa/orders", said: "sa/orders, which is nobody"},
		"policy":     {file: "10", old: "matchLabels: {app: inventory-service}", new: "matchLabels: {app: inventory}", said: "selects no pod"},
		"version":    {file: "04", old: "app: product-service, version: v1,", new: "app: product-service,", said: "Kiali needs the labels app and version"},
		"image":      {file: "06-p", old: "souk:1.0.0", new: "souk:1.0.1", said: "pod payment-provider-0 runs souk:1.0.1, and others run souk:1.0.0"},
		"routed":     {file: "06-p", old: "hosts: [payment-provider]", new: "hosts: [payments]", said: "VirtualService payment-provider is for payments, which is no Service"},
		"TLS":        {file: "06-p", old: "mode: ISTIO_MUTUAL", new: "mode: DISABLE", said: `DestinationRule payment-provider has the TLS mode "DISABLE"`},
		"HPA":        {file: "03", old: "kind: Deployment, name: user-service}", new: "kind: Deployment, name: user}", said: "scales Deployment user, which is not there"},
	} {
		wrong.noticed(t, name, wrong.read(t).CheckReferences())
	}
}

// The Kustomization, which does not support patterns, lists every file except the Secrets
// and the load test.
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
		if name := filepath.Base(path); name != "01-secrets.yaml" && name != "12-load-test.yaml" {
			files = append(files, name)
		}
	}
	if !slices.Equal(named, files) {
		t.Errorf("got resources %v, want %v", named, files)
	}
}
