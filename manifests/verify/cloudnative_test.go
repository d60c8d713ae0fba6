package verify

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/config"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// With CloudNativePG, each service uses a database of its own, which takes its connections and
// is backed up to the bucket, and nothing is left of the single servers.
func TestCloudNativeStoreIsComplete(t *testing.T) {
	if err := completeDatabases(t, composed(t, []string{"cloudnative-pg"})); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"secret":      {file: "components/cloudnative-pg/k", old: "name: order-postgres-app", new: "name: orders-app", said: "there is no key uri in a Secret orders-app"},
		"shared":      {file: "components/cloudnative-pg/k", old: "name: order-postgres-app", new: "name: user-postgres-app", said: "user-postgres-app is the database of two services"},
		"connections": {file: "components/cloudnative-pg/clusters", old: `max_connections: "200"`, new: `max_connections: "100"`, said: "user-postgres takes 100 connections"},
		"backup":      {file: "components/cloudnative-pg/backups", old: "cluster: {name: order-postgres}", new: "cluster: {name: orders}", said: "order-postgres is not backed up"},
		"bucket":      {file: "components/cloudnative-pg/secrets", old: "  ACCESS_KEY_ID:", new: "  ID:", said: "there is no key ACCESS_KEY_ID"},
		"left over":   {file: "components/cloudnative-pg/k", old: "kind: StatefulSet, namespace: ecommerce, name: \".*-postgres\"", new: "kind: StatefulSet, namespace: ecommerce, name: \"order-postgres\"", said: "StatefulSet inventory-postgres is left"},
	} {
		wrong.noticed(t, name, completeDatabases(t, wrong.with(t, "cloudnative-pg")))
	}
}

func completeDatabases(t *testing.T, documents Documents) error {
	t.Helper()
	all := documents.withApps()
	pods, err := all.Pods()
	if err != nil {
		return err
	}
	err = errors.Join(all.CheckReferences(), all.CheckFiles(pods), analyze(t, all))
	seen := map[string]bool{}
	for _, name := range all.programs()[1:] {
		var deployment appsv1.Deployment
		var scaler autoscalingv2.HorizontalPodAutoscaler
		if missing := errors.Join(all.find("Deployment", name, &deployment), all.find("HorizontalPodAutoscaler", name, &scaler)); missing != nil {
			return missing
		}
		ref := secretOf(deployment.Spec.Template.Spec.Containers[0], "DATABASE_URL")
		if ref == nil {
			return fmt.Errorf("%s has no DATABASE_URL from a Secret", name)
		}
		if seen[ref.Name] {
			err = errors.Join(err, fmt.Errorf("%s is the database of two services", ref.Name))
			continue
		}
		seen[ref.Name] = true
		err = errors.Join(err, documents.checkCluster(subcommand(name)+"-postgres", connections*int(scaler.Spec.MaxReplicas+1)))
	}
	for _, left := range documents.OfKind("StatefulSet", "CronJob", "PersistentVolumeClaim") {
		if left.GetName() != "redis" && left.GetNamespace() == "ecommerce" {
			err = errors.Join(err, fmt.Errorf("%s %s is left", left.GetKind(), left.GetName()))
		}
	}
	return err
}

// Prometheus finds each instance once, at the exporter of the operator, may connect to it, and
// knows the size of its volume.
func TestCloudNativeInstancesAreScraped(t *testing.T) {
	if err := scrapedDatabases(t, composed(t, []string{"cloudnative-pg"})); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"port":   {file: "components/cloudnative-pg/clusters", old: `prometheus.io/port: "9187"`, new: `prometheus.io/port: "9188"`, said: "it has 0 targets"},
		"volume": {file: "components/cloudnative-pg/clusters", old: "storage: {size: 8Gi}", new: "storage: {size: 20Gi}", said: "has 20Gi, and postgres:disk:ratio does not divide by (20 * 2^30)"},
	} {
		wrong.noticed(t, name, scrapedDatabases(t, wrong.with(t, "cloudnative-pg")))
	}
}

func scrapedDatabases(t *testing.T, documents Documents) error {
	t.Helper()
	texts := documents.values("ConfigMap", "istio-system", "prometheus", "prometheus.yml")
	rules := documents.values("ConfigMap", "istio-system", "prometheus-rules", "souk.yml")
	if len(texts) != 1 || len(rules) != 1 {
		return errors.New("Prometheus has no configuration, or no rules")
	}
	c, err := config.Load(texts[0], slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	policies, err := documents.NetworkPolicies()
	if err != nil {
		return err
	}
	for _, cluster := range documents.OfKind("Cluster") {
		pod := instanceOf(cluster)
		if err := errors.Join(foundOnce(c, pod), policies.AllowIngress(pod, endpoint{namespace: "istio-system"}, "9187")); err != nil {
			return fmt.Errorf("%s: %w", cluster.GetName(), err)
		}
		size, _, _ := unstructured.NestedString(cluster.Object, "spec", "storage", "size")
		if by := fmt.Sprintf("/ (%s * 2^30)", strings.TrimSuffix(size, "Gi")); !strings.Contains(rules[0], by) {
			return fmt.Errorf("%s has %s, and postgres:disk:ratio does not divide by %s", cluster.GetName(), size, strings.TrimPrefix(by, "/ "))
		}
	}
	return nil
}

// instanceOf returns a pod as the operator makes it: with the ports of an instance, its own
// labels and those that the cluster hands down.
func instanceOf(cluster Document) *corev1.Pod {
	labels, _, _ := unstructured.NestedStringMap(cluster.Object, "spec", "inheritedMetadata", "labels")
	annotations, _, _ := unstructured.NestedStringMap(cluster.Object, "spec", "inheritedMetadata", "annotations")
	labels["cnpg.io/cluster"] = cluster.GetName()
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: cluster.GetName() + "-1", Namespace: cluster.GetNamespace(), Labels: labels, Annotations: annotations},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "postgres", Ports: []corev1.ContainerPort{
			{Name: "postgresql", ContainerPort: 5432}, {Name: "metrics", ContainerPort: 9187}, {Name: "status", ContainerPort: 8000},
		}}}},
		Status: corev1.PodStatus{PodIP: "10.0.0.9"},
	}
}

// withApps adds the Secrets that CloudNativePG makes for its clusters.
func (d Documents) withApps() Documents {
	all := slices.Clone(d)
	for _, cluster := range d.OfKind("Cluster") {
		database, _, _ := unstructured.NestedString(cluster.Object, "spec", "bootstrap", "initdb", "database")
		owner, _, _ := unstructured.NestedString(cluster.Object, "spec", "bootstrap", "initdb", "owner")
		all = append(all, Document{File: "CloudNativePG", Unstructured: &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"name": cluster.GetName() + "-app", "namespace": cluster.GetNamespace()},
			"stringData": map[string]any{"uri": "postgresql://" + owner + ":password@" + cluster.GetName() + "-rw." + cluster.GetNamespace() + ":5432/" + database},
		}}})
	}
	return all
}

// checkCluster wants a cluster to take connections, with a standby, outside the mesh, and to be
// backed up with credentials that a Secret has.
func (d Documents) checkCluster(name string, need int) error {
	var schedule bool
	for _, backup := range d.OfKind("ScheduledBackup") {
		of, _, _ := unstructured.NestedString(backup.Object, "spec", "cluster", "name")
		schedule = schedule || of == name
	}
	if !schedule {
		return fmt.Errorf("%s is not backed up", name)
	}
	for _, cluster := range d.OfKind("Cluster") {
		if cluster.GetName() != name {
			continue
		}
		text, _, _ := unstructured.NestedString(cluster.Object, "spec", "postgresql", "parameters", "max_connections")
		if most, err := strconv.Atoi(text); err != nil || most < need {
			return fmt.Errorf("%s takes %s connections, and its service opens up to %d", name, text, need)
		}
		if instances, _, _ := unstructured.NestedFieldNoCopy(cluster.Object, "spec", "instances"); fmt.Sprint(instances) != "2" {
			return fmt.Errorf("%s has %v instances", name, instances)
		}
		// The pods are in no mesh: the operator, outside it, talks to them in plain text.
		labels, _, _ := unstructured.NestedStringMap(cluster.Object, "spec", "inheritedMetadata", "labels")
		annotations, _, _ := unstructured.NestedStringMap(cluster.Object, "spec", "inheritedMetadata", "annotations")
		if labels["istio.io/dataplane-mode"] != "none" || annotations["sidecar.istio.io/inject"] != "false" {
			return fmt.Errorf("%s is in the mesh", name)
		}
		for _, field := range []string{"accessKeyId", "secretAccessKey"} {
			ref, _, _ := unstructured.NestedStringMap(cluster.Object, "spec", "backup", "barmanObjectStore", "s3Credentials", field)
			if len(d.values("Secret", "ecommerce", ref["name"], ref["key"])) != 1 || ref["key"] == "" {
				return fmt.Errorf("%s: there is no key %s in a Secret %s", name, ref["key"], ref["name"])
			}
		}
		return nil
	}
	return fmt.Errorf("there is no Cluster %s", name)
}

// Only the databases reach the API server and the bucket, and only the operator reaches them
// from outside.
func TestCloudNativeNetworkIsForDatabases(t *testing.T) {
	documents := composed(t, []string{"cloudnative-pg"})
	policies, err := documents.NetworkPolicies()
	if err != nil {
		t.Fatal(err)
	}
	pods, err := documents.Pods()
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range ofStore(pods) {
		if policies.AllowEgress(pod, endpoint{}, "443") == nil {
			t.Errorf("%s leaves the cluster", pod.Name)
		}
		database := pod.DeepCopy()
		database.Labels["cnpg.io/cluster"] = "order-postgres"
		if err := errors.Join(policies.AllowEgress(database, endpoint{}, "443"), policies.AllowIngress(database, endpoint{namespace: "cnpg-system"}, "8000")); err != nil {
			t.Error(err)
		}
		if policies.AllowIngress(database, endpoint{namespace: "default"}, "5432") == nil {
			t.Error("a database can be reached from another namespace")
		}
	}
}
