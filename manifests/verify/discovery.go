package verify

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// discoveryResources are the API group and resource of each role of Prometheus's discovery.
var discoveryResources = map[string][][2]string{
	"pod":           {{"", "pods"}},
	"service":       {{"", "services"}},
	"endpoints":     {{"", "endpoints"}, {"", "services"}, {"", "pods"}},
	"endpointslice": {{"discovery.k8s.io", "endpointslices"}, {"", "services"}, {"", "pods"}},
	"ingress":       {{"networking.k8s.io", "ingresses"}},
	"node":          {{"", "nodes"}},
}

// checkDiscovery wants Prometheus to be allowed to list and watch what its configuration tells it
// to find. Without the right, it logs an error, finds nothing, and has no alert about it.
func (d Documents) checkDiscovery(pods []*corev1.Pod) error {
	texts := d.values("ConfigMap", "istio-system", "prometheus", "prometheus.yml")
	at := slices.IndexFunc(pods, func(p *corev1.Pod) bool { return p.Labels["app"] == "prometheus" })
	if len(texts) != 1 || at < 0 {
		return errors.New("there is no Prometheus, or no configuration of it")
	}
	var config struct {
		Scrapes []struct {
			Name      string `json:"job_name"`
			Discovery []struct {
				Role       string
				Namespaces struct{ Names []string }
			} `json:"kubernetes_sd_configs"`
		} `json:"scrape_configs"`
	}
	if err := yaml.Unmarshal([]byte(texts[0]), &config); err != nil {
		return fmt.Errorf("prometheus.yml: %w", err)
	}
	account, all := pods[at].Spec.ServiceAccountName, error(nil)
	found := false
	for _, scrape := range config.Scrapes {
		for _, discovery := range scrape.Discovery {
			if len(discovery.Namespaces.Names) == 0 || discoveryResources[discovery.Role] == nil {
				return fmt.Errorf("prometheus.yml: %s finds the role %q in all namespaces, or the role is not known", scrape.Name, discovery.Role)
			}
			for _, namespace := range discovery.Namespaces.Names {
				for _, resource := range discoveryResources[discovery.Role] {
					for _, verb := range []string{"list", "watch"} {
						found = true
						ok, err := d.may(pods[at].Namespace, account, verb, resource, namespace)
						if err == nil && !ok {
							err = fmt.Errorf("prometheus.yml: %s finds nothing, since %s may not %s %s in %s", scrape.Name, account, verb, resource[1], namespace)
						}
						all = errors.Join(all, err)
					}
				}
			}
		}
	}
	if !found {
		return errors.New("prometheus.yml: it finds nothing by the API server")
	}
	return all
}

// may reports whether the Roles and RoleBindings of a namespace allow a ServiceAccount of another
// one, or of the same, to do something with all objects of a resource.
func (d Documents) may(from, account, verb string, resource [2]string, namespace string) (bool, error) {
	bindings, err := typed[rbacv1.RoleBinding](d, "RoleBinding")
	if err != nil {
		return false, err
	}
	roles, err := typed[rbacv1.Role](d, "Role")
	if err != nil {
		return false, err
	}
	for _, binding := range bindings {
		if binding.Namespace != namespace || !slices.ContainsFunc(binding.Subjects, func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.ServiceAccountKind && s.Name == account && s.Namespace == from
		}) {
			continue
		}
		for _, role := range roles {
			if role.Namespace != namespace || role.Name != binding.RoleRef.Name || binding.RoleRef.Kind != "Role" {
				continue
			}
			if slices.ContainsFunc(role.Rules, func(rule rbacv1.PolicyRule) bool {
				return len(rule.ResourceNames) == 0 && contains(rule.Verbs, verb) && contains(rule.APIGroups, resource[0]) && contains(rule.Resources, resource[1])
			}) {
				return true, nil
			}
		}
	}
	return false, nil
}

// contains reports whether a list of a rule has a value or stands for all.
func contains(list []string, value string) bool {
	return slices.Contains(list, value) || slices.Contains(list, "*")
}
