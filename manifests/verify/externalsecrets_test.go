package verify

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The ExternalSecrets write the Secrets of 01-secrets.yaml, with the same keys, so that
// everything that pods refer to is there.
func TestExternalSecretsWriteEverySecret(t *testing.T) {
	documents := composed(t, []string{"external-secrets"})
	written, plain := map[string][]string{}, map[string][]string{}
	var made Documents
	for _, external := range documents.OfKind("ExternalSecret") {
		target, _, _ := unstructured.NestedString(external.Object, "spec", "target", "name")
		store, _, _ := unstructured.NestedString(external.Object, "spec", "secretStoreRef", "name")
		if !slices.ContainsFunc(documents.OfKind("ClusterSecretStore"), func(d Document) bool { return d.GetName() == store }) {
			t.Errorf("there is no store %s", store)
		}
		entries, _, _ := unstructured.NestedSlice(external.Object, "spec", "data")
		values := map[string]any{}
		for _, entry := range entries {
			key, _, _ := unstructured.NestedString(entry.(map[string]any), "secretKey")
			property, _, _ := unstructured.NestedString(entry.(map[string]any), "remoteRef", "property")
			from, _, _ := unstructured.NestedString(entry.(map[string]any), "remoteRef", "key")
			if property != key || from != "souk/"+target {
				t.Errorf("%s of %s comes from %s of %s", key, target, property, from)
			}
			values[key] = "x"
		}
		written[external.GetNamespace()+"/"+target] = slices.Sorted(maps.Keys(values))
		made = append(made, Document{File: "operator", Unstructured: &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": target, "namespace": external.GetNamespace()}, "stringData": values,
		}}})
	}
	for _, secret := range documents.OfKind("Secret") {
		data, _, _ := unstructured.NestedMap(secret.Object, "stringData")
		plain[secret.GetNamespace()+"/"+secret.GetName()] = slices.Sorted(maps.Keys(data))
	}
	if !maps.EqualFunc(written, plain, slices.Equal[[]string]) {
		t.Errorf("the operator writes\n%v\nwant\n%v", written, plain)
	}
	others := slices.DeleteFunc(slices.Clone(documents), func(d Document) bool { return d.GetKind() == "Secret" })
	if err := append(others, made...).CheckReferences(); err != nil {
		t.Error(err)
	}
	if err := append(others, made[1:]...).CheckReferences(); err == nil || !strings.Contains(err.Error(), "in a Secret "+made[0].GetName()) {
		t.Errorf("without a Secret: %v", err)
	}
}
