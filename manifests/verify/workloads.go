package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Programs are the store's own, by the label app of their pods.
var Programs = []string{"api-gateway", "user-service", "product-service", "inventory-service", "order-service", "notification-service", paymentProvider}

// paymentProvider is the simulated payment provider, which records no traces.
const paymentProvider = "payment-provider"

// drainTime is how long the programs wait by default for requests in progress
// after SIGTERM.
const drainTime = 20 * time.Second

// CheckPrograms says which of the store's programs would not stay up while nodes
// are emptied, load rises or a new version comes, or may do more than they need.
func (d Documents) CheckPrograms() (err error) {
	for _, name := range d.programs() {
		var deployment appsv1.Deployment
		if missing := d.find("Deployment", name, &deployment); missing != nil {
			err = errors.Join(err, missing)
			continue
		}
		err = errors.Join(err, inContext(name, d.checkScale(&deployment), checkEnd(&deployment), checkLocks(&deployment), checkTelemetry(&deployment), checkStart(&deployment), checkMemory(&deployment)))
	}
	return errors.Join(err, d.checkDatabases(), d.checkPayment(), d.checkBackup())
}

func inContext(name string, errs ...error) error {
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// find reads an object of the store.
func (d Documents) find(kind, name string, object any) error {
	for _, document := range d.OfKind(kind) {
		if document.GetNamespace() == "ecommerce" && document.GetName() == name {
			return runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(document.Object, object, true)
		}
	}
	return fmt.Errorf("there is no %s %s", kind, name)
}

// checkScale wants two replicas, apart from each other, of which one stays, and
// more of them under load. Their number is the autoscaler's alone: a number in the
// Deployment would undo its decision whenever the files are applied.
func (d Documents) checkScale(deployment *appsv1.Deployment) error {
	if deployment.Spec.Replicas != nil {
		return errors.New("it has a number of replicas, and an autoscaler")
	}
	own := labels.Set(deployment.Spec.Template.Labels)
	for _, topology := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
		if !slices.ContainsFunc(deployment.Spec.Template.Spec.TopologySpreadConstraints, func(c corev1.TopologySpreadConstraint) bool {
			return c.TopologyKey == topology && c.MaxSkew == 1 && c.LabelSelector != nil && labels.SelectorFromSet(c.LabelSelector.MatchLabels).Matches(own)
		}) {
			return fmt.Errorf("its pods are not spread over %s", topology)
		}
	}
	var budget policyv1.PodDisruptionBudget
	if err := d.find("PodDisruptionBudget", deployment.Name, &budget); err != nil {
		return err
	}
	if budget.Spec.MinAvailable == nil || budget.Spec.MinAvailable.IntValue() != 1 || !labels.SelectorFromSet(budget.Spec.Selector.MatchLabels).Matches(own) {
		return errors.New("its disruption budget does not keep one of its pods")
	}
	var scaler autoscalingv2.HorizontalPodAutoscaler
	if err := d.find("HorizontalPodAutoscaler", deployment.Name, &scaler); err != nil {
		return err
	}
	if s := scaler.Spec; s.ScaleTargetRef.Name != deployment.Name || s.MinReplicas == nil || *s.MinReplicas < 2 || s.MaxReplicas <= *s.MinReplicas || len(s.Metrics) == 0 {
		return errors.New("its autoscaler does not scale it up from two")
	}
	for _, m := range scaler.Spec.Metrics {
		if !keepsCPU(m, deployment.Spec.Template.Spec.Containers[0].Name) {
			return errors.New("its autoscaler does not keep its CPU between 50 and 80 percent")
		}
	}
	return nil
}

// scalers are the autoscalers.
func (d Documents) scalers() ([]autoscalingv2.HorizontalPodAutoscaler, error) {
	return typed[autoscalingv2.HorizontalPodAutoscaler](d, "HorizontalPodAutoscaler")
}

// keepsCPU reports whether an autoscaler keeps the use of CPU, of the pod or of its program
// alone, where there is room for more load until new pods are there.
func keepsCPU(m autoscalingv2.MetricSpec, program string) bool {
	var name corev1.ResourceName
	var target autoscalingv2.MetricTarget
	switch {
	case m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil:
		name, target = m.Resource.Name, m.Resource.Target
	case m.Type == autoscalingv2.ContainerResourceMetricSourceType && m.ContainerResource != nil && m.ContainerResource.Container == program:
		name, target = m.ContainerResource.Name, m.ContainerResource.Target
	}
	use := target.AverageUtilization
	return name == corev1.ResourceCPU && target.Type == autoscalingv2.UtilizationMetricType && use != nil && *use >= 50 && *use <= 80
}

// manyReplicas are so many that any percentage of them is at least one.
const manyReplicas = 100

// checkEnd wants a new version to come before an old one goes, and an old one to
// have the time to end: first it leaves the endpoints, then the program drains,
// then the proxy goes, then the pod is killed.
func checkEnd(deployment *appsv1.Deployment) error {
	if update := deployment.Spec.Strategy.RollingUpdate; update == nil || update.MaxUnavailable == nil {
		return errors.New("an old pod may go before there is a new one")
	} else if gone, err := intstr.GetScaledValueFromIntOrPercent(update.MaxUnavailable, manyReplicas, true); err != nil || gone != 0 {
		return fmt.Errorf("an old pod may go before there is a new one: maxUnavailable is %s", update.MaxUnavailable)
	}
	template := deployment.Spec.Template
	hook := template.Spec.Containers[0].Lifecycle
	if hook == nil || hook.PreStop == nil || hook.PreStop.Sleep == nil || hook.PreStop.Sleep.Seconds < 3 {
		return errors.New("it does not wait until it has left the endpoints")
	}
	drained := time.Duration(hook.PreStop.Sleep.Seconds)*time.Second + drainTime
	var proxy struct {
		TerminationDrainDuration        string
		HoldApplicationUntilProxyStarts bool
	}
	if err := json.Unmarshal([]byte(template.Annotations["proxy.istio.io/config"]), &proxy); err != nil {
		return fmt.Errorf("its proxy's configuration: %w", err)
	}
	goes, err := time.ParseDuration(proxy.TerminationDrainDuration)
	if err != nil || goes < drained {
		return fmt.Errorf("its proxy ends %q after it was asked to; the program takes up to %s", proxy.TerminationDrainDuration, drained)
	}
	if !proxy.HoldApplicationUntilProxyStarts {
		return errors.New("it may start before its proxy does")
	}
	if grace := template.Spec.TerminationGracePeriodSeconds; grace == nil || time.Duration(*grace)*time.Second <= goes {
		return errors.New("it is killed before it has drained")
	}
	return nil
}

// checkLocks wants what kube-score and pod security leave open: bounds for all
// resources, no token of the API server, a user that is not root by number.
func checkLocks(deployment *appsv1.Deployment) error {
	spec := deployment.Spec.Template.Spec
	if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
		return errors.New("it has a token for the API server")
	}
	if s := spec.SecurityContext; s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || *s.RunAsUser == 0 {
		return errors.New("it may run as root")
	}
	if spec.ServiceAccountName != deployment.Name {
		return fmt.Errorf("it runs as %q and not as itself", spec.ServiceAccountName)
	}
	for _, c := range spec.Containers {
		for _, resource := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
			request, limit := c.Resources.Requests[resource], c.Resources.Limits[resource]
			if request.IsZero() || limit.IsZero() {
				return fmt.Errorf("its container %s has no bounds for %s", c.Name, resource)
			}
		}
		if c.StartupProbe == nil || c.ReadinessProbe == nil || c.LivenessProbe == nil {
			return fmt.Errorf("its container %s lacks a probe", c.Name)
		}
	}
	return nil
}

// checkTelemetry wants its traces sampled where they begin, one in ten, and
// under the name that Kiali and Istio know it by.
func checkTelemetry(deployment *appsv1.Deployment) error {
	if deployment.Name == paymentProvider {
		return nil
	}
	for name, want := range map[string]string{
		"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1", "OTEL_SERVICE_NAME": deployment.Name,
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel-collector.istio-system:4318",
	} {
		environment := deployment.Spec.Template.Spec.Containers[0].Env
		if !slices.ContainsFunc(environment, func(e corev1.EnvVar) bool { return e.Name == name && e.Value == want }) {
			return fmt.Errorf("its %s is not %s", name, want)
		}
	}
	return nil
}

// checkDatabases wants each service to have a database, a user and a password
// that no other service has.
func (d Documents) checkDatabases() error {
	seen := map[string]string{}
	for _, name := range d.programs()[1:] {
		var deployment appsv1.Deployment
		if err := d.find("Deployment", name, &deployment); err != nil {
			return err
		}
		address, err := d.database(&deployment)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		password, _ := address.User.Password()
		for _, part := range []string{"host " + address.Hostname(), "user " + address.User.Username(), "password " + password, "database " + address.Path} {
			if other, taken := seen[part]; taken {
				return fmt.Errorf("%s and %s share the %s", other, name, part)
			}
			seen[part] = name
		}
		if err := errors.Join(d.checkServer(address), d.checkConnections(name, address)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// checkConnections wants a service's database to take the connections of as
// many replicas as there may be, and of one more during an update.
func (d Documents) checkConnections(service string, address *url.URL) error {
	pool, err := poolSize(address)
	if err := errors.Join(err, checkParameters(address), d.checkDatabaseTLS(address)); err != nil {
		return err
	}
	var scaler autoscalingv2.HorizontalPodAutoscaler
	var set appsv1.StatefulSet
	if err := errors.Join(d.find("HorizontalPodAutoscaler", service, &scaler), d.find("StatefulSet", address.Hostname(), &set)); err != nil {
		return err
	}
	need := (pool + otherConnections) * int(scaler.Spec.MaxReplicas+1)
	for _, argument := range set.Spec.Template.Spec.Containers[0].Args {
		if value, found := strings.CutPrefix(argument, "max_connections="); found {
			if most, err := strconv.Atoi(value); err != nil || most < need {
				return fmt.Errorf("its database takes %s connections, and its replicas open up to %d", value, need)
			}
			return checkPostgresMemory(set.Spec.Template.Spec.Containers[0], need)
		}
	}
	return errors.New("its database has no max_connections")
}

// What a Postgres needs, in MiB: shared_buffers (128) and three autovacuum workers with
// maintenance_work_mem (64 each), and for each connection a process and a work_mem.
const (
	postgresMemory   = 128 + 3*64
	connectionMemory = 4
)

// checkPostgresMemory wants the limit of a database's container to hold so many connections.
func checkPostgresMemory(server corev1.Container, connections int) error {
	need := int64(postgresMemory + connectionMemory*connections)
	if limit := server.Resources.Limits.Memory().Value() >> 20; limit < need {
		return fmt.Errorf("its database may use %d MiB, and %d connections need %d", limit, connections, need)
	}
	return nil
}

func (d Documents) database(deployment *appsv1.Deployment) (*url.URL, error) {
	for _, e := range deployment.Spec.Template.Spec.Containers[0].Env {
		if e.Name != "DATABASE_URL" || e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil {
			continue
		}
		ref := e.ValueFrom.SecretKeyRef
		if values := d.values("Secret", deployment.Namespace, ref.Name, ref.Key); len(values) == 1 {
			return url.Parse(values[0])
		}
	}
	return nil, errors.New("it has no DATABASE_URL from a Secret")
}
