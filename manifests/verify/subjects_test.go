package verify

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	kuberuntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// A subject is what is changed, and what notices it.
type subject struct {
	all   Documents
	files string // the prefix of the names of files that are changed
	check func(Documents) error
}

// subjects are the manifests, and those with a component each.
func subjects(t *testing.T) []*subject {
	t.Helper()
	return []*subject{
		{all: read(t), check: checkFast},
		withComponent(t, "redis-sentinel", regexp.MustCompile(`^(Service/redis-(service|cli)|(StatefulSet|ConfigMap|PodDisruptionBudget)/redis|AuthorizationPolicy/redis-access)$`), checkSentinelStore),
		withComponent(t, "cloudnative-pg", regexp.MustCompile(`^((StatefulSet|Service|PodDisruptionBudget)/\w+-postgres|AuthorizationPolicy/\w+-postgres-access|ServiceAccount/postgres|\w+/backup)$`), checkCloudNativeStore),
	}
}

// withComponent returns the manifests with a component, but without the objects that it replaces.
func withComponent(t *testing.T, name string, replaced *regexp.Regexp, check func(Documents) error) *subject {
	t.Helper()
	own, err := Read(filepath.Join(dir, "components", name))
	if err != nil {
		t.Fatal(err)
	}
	all := slices.DeleteFunc(read(t), func(d Document) bool {
		return d.GetNamespace() == "ecommerce" && replaced.MatchString(d.GetKind()+"/"+d.GetName())
	})
	for _, d := range own {
		if d.File != "kustomization.yaml" { // TestSentinelStoreIsComplete and TestCloudNativeStoreIsComplete build it
			d.File = name + "/" + d.File
			all = append(all, d)
		}
	}
	return &subject{all: all, files: name + "/", check: check}
}

// attempt runs a check; one that fails on what is missing has noticed it.
func attempt(check func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("%v", fault)
		}
	}()
	return check()
}

// checkFast runs the checks that need no other program and no control plane.
func checkFast(all Documents) error {
	pods, err := all.Pods()
	if err != nil {
		return err
	}
	return first(
		all.checkAlike, func() error { return all.checkUniform(pods, "../..") },
		all.CheckReferences, all.CheckSelections, all.CheckBudgets, all.CheckPrograms, all.checkRedis,
		func() error { return all.CheckFiles(pods) },
		func() error { return all.CheckTimeouts("../..") },
		func() error { return all.checkOperated(pods, "../..") },
		func() error { return checkMonitoring(all) },
		func() error { return callsPass(all, pods) },
	)
}

func checkSentinelStore(all Documents) error {
	pods, err := all.Pods()
	if err != nil {
		return err
	}
	return first(func() error { return all.checkUniform(pods, "../..") }, all.CheckReferences, func() error { return all.CheckFiles(pods) },
		all.CheckSelections, all.CheckBudgets, all.checkSentinels, all.checkReplicas, all.checkStorage, func() error { return checkTags(pods) })
}

func checkCloudNativeStore(all Documents) error {
	const most = connections * 11 // of a service with up to ten replicas and one more
	checks := []func() error{all.checkAlike, all.checkSuspended, all.checkStorage, all.checkSettings, func() error { return all.checkArchives(keptBackups) }}
	for _, program := range all.programs()[1:] {
		checks = append(checks, func() error { return all.checkCluster(subcommand(program)+"-postgres", most) })
	}
	return first(checks...)
}

// first returns the error of the first check that fails.
func first(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkTyped wants an object of Kubernetes to have no other fields and types than its kind.
func checkTyped(d Document) error {
	object, err := scheme.Scheme.New(d.GroupVersionKind())
	if err != nil {
		if group := d.GroupVersionKind().Group; strings.HasSuffix(group, "istio.io") || group == "postgresql.cnpg.io" {
			return nil // Istio's analyzers and the API server read it
		}
		return err
	}
	return kuberuntime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(d.Object, object, true)
}

func callsPass(all Documents, pods []*corev1.Pod) error {
	return getThroughPods(all, ofStore(pods), allowed)
}
