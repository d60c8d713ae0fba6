package verify

import (
	"errors"
	"fmt"
	"net/url"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// checkAmbient wants the entries of the component ambient to be like those with sidecars: TLS
// that ends there, routes of the store only, a redirect, and at least two pods.
func (d Documents) checkAmbient() (err error) {
	for _, gateway := range d.OfKind("Gateway") {
		listeners, _, _ := unstructured.NestedSlice(gateway.Object, "spec", "listeners")
		for _, entry := range listeners {
			listener, _ := entry.(map[string]any)
			err = errors.Join(err, inContext(fmt.Sprintf("Gateway %s, listener %v", gateway.GetName(), listener["name"]), d.checkListener(gateway.GetName(), listener)))
		}
		name, _, _ := unstructured.NestedString(gateway.Object, "spec", "infrastructure", "parametersRef", "name")
		err = errors.Join(err, inContext("Gateway "+gateway.GetName(), d.checkInfrastructure(gateway.GetNamespace(), name)))
	}
	for _, rule := range d.OfKind("DestinationRule") {
		err = errors.Join(err, inContext("DestinationRule "+rule.GetName(), checkPool(rule)))
	}
	return err
}

func (d Documents) checkListener(gateway string, listener map[string]any) error {
	switch listener["protocol"] {
	case "HBONE": // of a waypoint, for the mesh
		return nil
	case "HTTP":
		if !d.redirects(gateway, listener["name"]) {
			return errors.New("it does not redirect to TLS")
		}
	case "HTTPS":
		mode, _, _ := unstructured.NestedString(listener, "tls", "mode")
		certificates, _, _ := unstructured.NestedSlice(listener, "tls", "certificateRefs")
		if mode != "Terminate" || len(certificates) != 1 {
			return fmt.Errorf("its TLS has the mode %q and %d certificates", mode, len(certificates))
		}
	default:
		return fmt.Errorf("it serves %v", listener["protocol"])
	}
	from, _, _ := unstructured.NestedString(listener, "allowedRoutes", "namespaces", "from")
	labels, _, _ := unstructured.NestedStringMap(listener, "allowedRoutes", "namespaces", "selector", "matchLabels")
	if from != "Selector" || labels["kubernetes.io/metadata.name"] != "ecommerce" {
		return errors.New("other namespaces add routes to it")
	}
	return nil
}

// redirects reports whether the only rule for a listener is a redirect to HTTPS.
func (d Documents) redirects(gateway string, listener any) bool {
	redirects := 0
	for _, route := range d.OfKind("HTTPRoute") {
		parents, _, _ := unstructured.NestedSlice(route.Object, "spec", "parentRefs")
		rules, _, _ := unstructured.NestedSlice(route.Object, "spec", "rules")
		for _, entry := range parents {
			parent, _ := entry.(map[string]any)
			if parent["name"] != gateway || parent["sectionName"] != nil && parent["sectionName"] != listener {
				continue
			}
			for _, entry := range rules {
				rule, _ := entry.(map[string]any)
				filters, _, _ := unstructured.NestedSlice(rule, "filters")
				if len(filters) != 1 {
					return false
				}
				filter, _ := filters[0].(map[string]any)
				if scheme, _, _ := unstructured.NestedString(filter, "requestRedirect", "scheme"); scheme != "https" {
					return false
				}
				redirects++
			}
		}
	}
	return redirects == 1
}

// checkInfrastructure wants what Istio makes of a Gateway to have two pods, of which one stays.
func (d Documents) checkInfrastructure(namespace, name string) error {
	var scaler struct {
		Spec struct {
			MinReplicas, MaxReplicas int
		}
	}
	var budget struct {
		Spec struct{ MinAvailable int }
	}
	for key, into := range map[string]any{"horizontalPodAutoscaler": &scaler, "podDisruptionBudget": &budget} {
		texts := d.values("ConfigMap", namespace, name, key)
		if len(texts) != 1 {
			return fmt.Errorf("the ConfigMap %q has no %s", name, key)
		}
		if err := yaml.Unmarshal([]byte(texts[0]), into); err != nil {
			return err
		}
	}
	if s := scaler.Spec; s.MinReplicas < 2 || s.MaxReplicas <= s.MinReplicas || budget.Spec.MinAvailable != 1 {
		return fmt.Errorf("it has %d to %d pods, of which %d stay", s.MinReplicas, s.MaxReplicas, budget.Spec.MinAvailable)
	}
	return nil
}

// checkStore wants secrets to come over TLS, for the namespaces of the store only, within a day
// of a change, and never to be deleted with their entry.
func (d Documents) checkStore() (err error) {
	for _, store := range d.OfKind("ClusterSecretStore") {
		server, _, _ := unstructured.NestedString(store.Object, "spec", "provider", "vault", "server")
		if u, wrong := url.Parse(server); wrong != nil || u.Scheme != "https" {
			err = errors.Join(err, fmt.Errorf("ClusterSecretStore %s: secrets come from %q, and not over TLS", store.GetName(), server))
		}
		conditions, _, _ := unstructured.NestedSlice(store.Object, "spec", "conditions")
		if len(conditions) != 1 {
			err = errors.Join(err, fmt.Errorf("ClusterSecretStore %s is for all namespaces", store.GetName()))
			continue
		}
		condition, _ := conditions[0].(map[string]any)
		namespaces, _, _ := unstructured.NestedStringSlice(condition, "namespaces")
		for _, name := range namespaces {
			if name != "ecommerce" && name != "istio-system" {
				err = errors.Join(err, fmt.Errorf("ClusterSecretStore %s is for the namespace %s", store.GetName(), name))
			}
		}
		if len(namespaces) != 2 {
			err = errors.Join(err, fmt.Errorf("ClusterSecretStore %s is for %d namespaces", store.GetName(), len(namespaces)))
		}
	}
	for _, external := range d.OfKind("ExternalSecret") {
		interval, _, _ := unstructured.NestedString(external.Object, "spec", "refreshInterval")
		creation, _, _ := unstructured.NestedString(external.Object, "spec", "target", "creationPolicy")
		deletion, _, _ := unstructured.NestedString(external.Object, "spec", "target", "deletionPolicy")
		if creation != "Owner" || deletion != "" && deletion != "Retain" {
			err = errors.Join(err, fmt.Errorf("ExternalSecret %s: its Secret is made by %q and deleted by %q", external.GetName(), creation, deletion))
		}
		err = errors.Join(err, inContext("ExternalSecret "+external.GetName(), within("refreshInterval", interval, time.Minute, 24*time.Hour)))
	}
	return err
}
