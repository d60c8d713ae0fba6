package verify

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Objects that are added do harm beside the right ones, which are still there.
func TestAddedObjectsAreNoticed(t *testing.T) {
	for name, c := range map[string]struct{ object, said string }{
		"pods":     {"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: ecommerce}\nspec: {hard: {pods: \"5\"}}\n", "ResourceQuota few of ecommerce: it allows 5 of pods"},
		"count":    {"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: ecommerce}\nspec: {hard: {count/pods: \"5\"}}\n", "it allows 5 of pods"},
		"CPU":      {"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: ecommerce}\nspec: {hard: {cpu: \"5\"}}\n", "it allows 5 of requests.cpu"},
		"limits":   {"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: ecommerce}\nspec: {hard: {limits.memory: 1Gi}}\n", "it allows 1Gi of limits.memory"},
		"Services": {"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: ecommerce}\nspec: {hard: {services: \"5\"}}\n", "no check knows how much of services"},
		"monitoring": {"apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: few, namespace: istio-system}\nspec: {hard: {pods: \"5\"}}\n",
			"ResourceQuota few of istio-system: no check knows what that namespace needs"},
		"memory":  {"apiVersion: v1\nkind: LimitRange\nmetadata: {name: small, namespace: ecommerce}\nspec: {limits: [{type: Container, max: {memory: 128Mi}}]}\n", "LimitRange small of ecommerce: a proxy may use 1Gi of memory, and it admits 128Mi at most"},
		"program": {"apiVersion: v1\nkind: LimitRange\nmetadata: {name: small, namespace: ecommerce}\nspec: {limits: [{type: Container, max: {memory: 1100Mi}}]}\n", "and it admits 1100Mi at most"},
		"least":   {"apiVersion: v1\nkind: LimitRange\nmetadata: {name: large, namespace: ecommerce}\nspec: {limits: [{type: Container, min: {cpu: \"1\"}}]}\n", "requests 100m of cpu, and it wants 1 at least"},
		"pod":     {"apiVersion: v1\nkind: LimitRange\nmetadata: {name: small, namespace: ecommerce}\nspec: {limits: [{type: Pod, max: {cpu: 100m}}]}\n", "and it admits 100m at most"},
		"volume":  {"apiVersion: v1\nkind: LimitRange\nmetadata: {name: small, namespace: ecommerce}\nspec: {limits: [{type: PersistentVolumeClaim, max: {storage: 1Gi}}]}\n", "and it admits 1Gi at most"},
		"ratio":   {"apiVersion: v1\nkind: LimitRange\nmetadata: {name: small, namespace: ecommerce}\nspec: {limits: [{type: Container, maxLimitRequestRatio: {cpu: \"1\"}}]}\n", "no check knows the ratios"},
		"default": {"apiVersion: v1\nkind: LimitRange\nmetadata: {name: other, namespace: ecommerce}\nspec: {limits: [{type: Container, default: {memory: 16Mi}}]}\n", "it has defaults beside those"},
	} {
		added, err := decode("own.yaml", []byte(c.object))
		if err != nil {
			t.Fatal(err)
		}
		if err := checkFast(append(read(t), added...)); err == nil || !strings.Contains(err.Error(), c.said) {
			t.Errorf("%s: got error %v, want %q", name, err, c.said)
		}
	}
	roomy, err := decode("own.yaml", []byte("apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: more, namespace: ecommerce}\nspec: {hard: {pods: \"500\", limits.memory: 500Gi}}\n---\n"+
		"apiVersion: v1\nkind: LimitRange\nmetadata: {name: wide, namespace: ecommerce}\nspec: {limits: [{type: Container, max: {memory: 16Gi}, min: {memory: 8Mi}}, {type: PersistentVolumeClaim, max: {storage: 1Ti}}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFast(append(read(t), roomy...)); err != nil {
		t.Errorf("with room for the store: got error %v", err)
	}
}

// Objects whose absence no program complains about.
func TestMissingObjectsAreNoticed(t *testing.T) {
	for _, c := range []struct{ kind, namespace, name, said string }{
		{"RoleBinding", "ecommerce", "prometheus", "since prometheus may not list pods in ecommerce"},
		{"RoleBinding", "istio-system", "prometheus", "since prometheus may not watch pods in istio-system"},
		{"Role", "ecommerce", "prometheus", "prometheus"},
		{"DestinationRule", "ecommerce", "api-gateway", "has a pool of 0 connections"},
		{"Namespace", "", "ecommerce", "there is no Namespace ecommerce"},
		{"ResourceQuota", "ecommerce", "ecommerce", "there is no ResourceQuota ecommerce"},
	} {
		left := slices.DeleteFunc(read(t), func(d Document) bool {
			return d.GetKind() == c.kind && d.GetNamespace() == c.namespace && d.GetName() == c.name
		})
		if err := checkFast(left); err == nil || !strings.Contains(err.Error(), c.said) {
			t.Errorf("%s %s of %s: got error %v, want %q", c.kind, c.name, c.namespace, err, c.said)
		}
	}
}

// A default that is the address of no Service is as bad as none.
func TestDefaultsAreServices(t *testing.T) {
	const own = `            - {name: REDIS_URL, value: "redis://redis-service:6379"}` + "\n"
	if (fault{file: "06-o", old: own}).leftOut(t) {
		t.Skip("the store has been changed here")
	}
	store := read(t, Change{File: "06-o", Old: own})
	if err := store.checkEnvironment("../.."); err != nil {
		t.Fatal(err)
	}
	other := slices.DeleteFunc(store, func(d Document) bool { return d.GetKind() == "Service" && d.GetName() == "redis-service" })
	if err := other.checkEnvironment("../.."); err == nil || !strings.Contains(err.Error(), "order-service: it lacks the variable REDIS_URL, and there is no Service for its default redis://redis-service:6379") {
		t.Errorf("got error %v", err)
	}
}

// The checks count the connections that a pool has by default.
func TestPoolsAreCounted(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("../..", "subgraphs/internal/server/resources.go"))
	if err != nil {
		t.Fatal(err)
	}
	if found := regexp.MustCompile(`(?m)^const maxConnections = (\d+)$`).FindStringSubmatch(string(text)); found == nil || found[1] != strconv.Itoa(poolConnections) {
		t.Errorf("the services have a pool of %v, and the checks count %d", found, poolConnections)
	}
}
