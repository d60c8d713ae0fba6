package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// checkRoles wants roles that read, neither Secrets nor everything, and that are bound to
// accounts or groups of the store.
func (d Documents) checkRoles() (err error) {
	for _, document := range d.OfKind("Role", "ClusterRole") {
		var role rbacv1.Role // a ClusterRole has the same rules
		if wrong := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &role); wrong != nil {
			return wrong
		}
		if document.GetKind() == "ClusterRole" {
			if wrong := checkNodeRole(role); wrong != nil {
				err = errors.Join(err, fmt.Errorf("ClusterRole %s is for all namespaces: %w", role.Name, wrong))
			}
			continue
		}
		for _, rule := range role.Rules {
			if wrong := checkRule(rule); wrong != nil {
				err = errors.Join(err, fmt.Errorf("Role %s of %s: %w", role.Name, role.Namespace, wrong))
			}
		}
	}
	for _, document := range d.OfKind("RoleBinding", "ClusterRoleBinding") {
		var binding rbacv1.RoleBinding
		if wrong := runtime.DefaultUnstructuredConverter.FromUnstructured(document.Object, &binding); wrong != nil {
			return wrong
		}
		kind := strings.TrimSuffix(document.GetKind(), "Binding")
		if binding.RoleRef.Kind != kind || !d.Has(kind, binding.Namespace, binding.RoleRef.Name) {
			err = errors.Join(err, fmt.Errorf("RoleBinding %s is to %s %s, which is not there", binding.Name, binding.RoleRef.Kind, binding.RoleRef.Name))
		}
		if len(binding.Subjects) == 0 {
			err = errors.Join(err, fmt.Errorf("RoleBinding %s is for nobody", binding.Name))
		}
		for _, s := range binding.Subjects {
			account := s.Kind == rbacv1.ServiceAccountKind && d.Has("ServiceAccount", s.Namespace, s.Name)
			if group := s.Kind == rbacv1.GroupKind && s.Name == "souk-viewers"; !account && !group {
				err = errors.Join(err, fmt.Errorf("RoleBinding %s is for %s %s, which is not of the store", binding.Name, s.Kind, s.Name))
			}
		}
	}
	return err
}

// checkNodeRole wants a ClusterRole to be the one of Prometheus, for the metrics of nodes, which
// are in no namespace.
func checkNodeRole(role rbacv1.Role) error {
	for _, rule := range role.Rules {
		if !slices.Equal(rule.APIGroups, []string{""}) || !slices.Equal(rule.Resources, []string{"nodes/metrics"}) || !slices.Equal(rule.Verbs, []string{"get"}) {
			return fmt.Errorf("it may %v %v", rule.Verbs, rule.Resources)
		}
	}
	return nil
}

func checkRule(rule rbacv1.PolicyRule) error {
	if len(rule.Verbs) == 0 || len(rule.Resources) == 0 || len(rule.APIGroups) == 0 {
		return errors.New("a rule allows nothing")
	}
	for _, verb := range rule.Verbs {
		if !slices.Contains([]string{"get", "list", "watch"}, verb) {
			return fmt.Errorf("it may %s %v", verb, rule.Resources)
		}
	}
	for _, group := range rule.APIGroups {
		if group == "*" || strings.HasPrefix(group, "rbac.") || strings.HasSuffix(group, "external-secrets.io") {
			return fmt.Errorf("it may read the API group %q", group)
		}
		for _, resource := range rule.Resources {
			if group == "" && !slices.Contains([]string{"pods", "pods/log", "services", "endpoints", "configmaps", "events", "persistentvolumeclaims"}, resource) {
				return fmt.Errorf("it may read %s", resource)
			}
		}
	}
	return nil
}
