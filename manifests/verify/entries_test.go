package verify

import (
	"path/filepath"
	"testing"
)

// The entries of ambient mode and the secret store are as safe as what they replace.
func TestComponentsAreClosed(t *testing.T) {
	check := map[string]func(Documents) error{
		"ambient":          Documents.checkAmbient,
		"external-secrets": Documents.checkStore,
	}
	for component, holds := range check {
		documents, err := Read(filepath.Join(dir, "components", component))
		if err != nil {
			t.Fatal(err)
		}
		if err := holds(documents); err != nil {
			t.Errorf("%s: %v", component, err)
		}
	}
	for name, wrong := range map[string]struct {
		component string
		fault
	}{
		"redirect":        {"ambient", fault{file: "routes", old: "scheme: https,", new: "scheme: http,", said: "does not redirect to TLS"}},
		"listener":        {"ambient", fault{file: "routes", old: ", sectionName: https}", new: "}", said: "does not redirect to TLS"}},
		"TLS":             {"ambient", fault{file: "gateway", old: "mode: Terminate", new: "mode: Passthrough", said: `the mode "Passthrough"`}},
		"other routes":    {"ambient", fault{file: "gateway", old: "from: Selector", new: "from: All", said: "other namespaces add routes"}},
		"one pod":         {"ambient", fault{file: "gateway", old: "minReplicas: 2", new: "minReplicas: 1", said: "Gateway souk-gateway: it has 1 to 5 pods"}},
		"waypoint":        {"ambient", fault{file: "waypoint", old: "minAvailable: 1", new: "minAvailable: 0", said: "Gateway waypoint: it has 2 to 10 pods, of which 0 stay"}},
		"pool":            {"ambient", fault{file: "routes", old: "maxConnections: 5000", new: "maxConnections: 5", said: "it allows 5 connections"}},
		"plain secrets":   {"external-secrets", fault{file: "store", old: "https://vault", new: "http://vault", said: "not over TLS"}},
		"namespaces":      {"external-secrets", fault{file: "store", old: "[ecommerce, istio-system]", new: "[ecommerce, default]", said: "is for the namespace default"}},
		"all namespaces":  {"external-secrets", fault{file: "store", old: "  conditions: [{namespaces: [ecommerce, istio-system]}]\n", said: "is for all namespaces"}},
		"rare reading":    {"external-secrets", fault{file: "external", old: "refreshInterval: 1h", new: "refreshInterval: 8760h", said: "refreshInterval is"}},
		"never read":      {"external-secrets", fault{file: "external", old: "refreshInterval: 1h", new: "refreshInterval: 0s", said: "refreshInterval is"}},
		"deleted Secrets": {"external-secrets", fault{file: "external", old: "creationPolicy: Owner", new: "creationPolicy: Owner, deletionPolicy: Delete", said: `deleted by "Delete"`}},
	} {
		changed, err := Read(filepath.Join(dir, "components", wrong.component), Change{File: wrong.file, Old: wrong.old, New: wrong.new})
		if err != nil {
			t.Fatal(err)
		}
		wrong.noticed(t, name, check[wrong.component](changed))
	}
}
