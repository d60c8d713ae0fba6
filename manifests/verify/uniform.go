package verify

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// checkUniform wants of every object and pod, also of those of the monitoring, what holds for
// all: labels, a known namespace, the same restrictions, bounds, and parts that refer to each
// other. sources is the top directory of the repository.
func (d Documents) checkUniform(pods []*corev1.Pod, sources string) (err error) {
	for _, document := range d {
		if part := document.GetLabels()["app.kubernetes.io/part-of"]; document.GetLabels() != nil && part != "souk" {
			err = errors.Join(err, fmt.Errorf("%s: %s %s is part of %q and not of souk", document.File, document.GetKind(), document.GetName(), part))
		}
		if n := document.GetNamespace(); document.GetKind() != "Namespace" && !strings.HasPrefix(document.GetKind(), "ClusterRole") && n != "ecommerce" && n != "istio-system" {
			err = errors.Join(err, fmt.Errorf("%s: %s %s is in the namespace %q", document.File, document.GetKind(), document.GetName(), n))
		}
		if document.GetName() == "" {
			err = errors.Join(err, fmt.Errorf("%s: a %s has no name", document.File, document.GetKind()))
		}
		if document.GetKind() == "Service" || document.GetKind() == "PodDisruptionBudget" {
			if selector, _, _ := unstructured.NestedMap(document.Object, "spec", "selector"); len(selector) == 0 || selector["matchLabels"] == nil && document.GetKind() != "Service" {
				err = errors.Join(err, fmt.Errorf("%s: %s %s selects no pods by label", document.File, document.GetKind(), document.GetName()))
			}
		}
		err = errors.Join(err, inContext(fmt.Sprintf("%s: %s %s", document.File, document.GetKind(), document.GetName()), checkObject(document)))
		if document.GetKind() == "Deployment" || document.GetKind() == "StatefulSet" {
			err = errors.Join(err, checkController(document))
		}
	}
	variables, unread := os.ReadFile(filepath.Join(sources, "docs", "environment.md"))
	commands, unreadToo := os.ReadFile(filepath.Join(sources, "docs", "cli.md"))
	err = errors.Join(err, unread, unreadToo)
	for _, pod := range pods {
		if part := pod.Labels["app.kubernetes.io/part-of"]; part != "souk" {
			err = errors.Join(err, fmt.Errorf("pod %s is part of %q and not of souk", pod.Name, part))
		}
		err = errors.Join(err, checkRestrictions(pod), checkVolumes(pod))
		for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
			err = errors.Join(err, inContext("pod "+pod.Name+", container "+c.Name, checkContainer(c), checkVariables(c, string(variables)), checkFlags(c, string(commands))))
		}
	}
	return err
}

// checkObject wants what the API server takes and users notice late: no way into the cluster beside
// the gateway, configuration that can be changed, volumes that outlive their pods, and autoscalers
// that scale up.
func checkObject(document Document) error {
	switch document.GetKind() {
	case "Service":
		kind, _, _ := unstructured.NestedString(document.Object, "spec", "type")
		addresses, _, _ := unstructured.NestedSlice(document.Object, "spec", "externalIPs")
		if kind != "" && kind != string(corev1.ServiceTypeClusterIP) || len(addresses) > 0 {
			return fmt.Errorf("it is open to strangers or leads to them (type %q, %d externalIPs); only the gateway is", kind, len(addresses))
		}
	case "ConfigMap", "Secret":
		if immutable, _, _ := unstructured.NestedBool(document.Object, "immutable"); immutable {
			return errors.New("it is immutable, so that nobody can change it")
		}
	case "StatefulSet":
		policy, _, _ := unstructured.NestedStringMap(document.Object, "spec", "persistentVolumeClaimRetentionPolicy")
		for when, action := range policy {
			if action != "Retain" {
				return fmt.Errorf("its data are lost with its pods (persistentVolumeClaimRetentionPolicy, %s: %s)", when, action)
			}
		}
	case "HorizontalPodAutoscaler":
		return checkBehavior(document)
	}
	return nil
}

// checkBehavior wants an autoscaler to add pods at once, and to take them away later.
func checkBehavior(scaler Document) error {
	for _, direction := range []string{"scaleUp", "scaleDown"} {
		rules, found, _ := unstructured.NestedMap(scaler.Object, "spec", "behavior", direction)
		if policy := rules["selectPolicy"]; policy == "Disabled" {
			return fmt.Errorf("it never does what %s is for (selectPolicy: Disabled)", direction)
		}
		window := integer(rules, "stabilizationWindowSeconds")
		if direction == "scaleUp" && (window > 60 || rules["policies"] != nil) {
			return fmt.Errorf("it adds pods only after %d seconds, or by policies that no check knows", window)
		}
		if _, set := rules["stabilizationWindowSeconds"]; direction == "scaleDown" && found && set && (window < 60 || window > 3600) {
			return fmt.Errorf("it takes pods away after %d seconds of less load", window)
		}
	}
	return nil
}

func checkController(document Document) error {
	limit, _, _ := unstructured.NestedFieldNoCopy(document.Object, "spec", "revisionHistoryLimit")
	selected, _, _ := unstructured.NestedStringMap(document.Object, "spec", "selector", "matchLabels")
	labelled, _, _ := unstructured.NestedStringMap(document.Object, "spec", "template", "metadata", "labels")
	if document.GetKind() == "Deployment" && fmt.Sprint(limit) != "5" {
		return fmt.Errorf("%s %s keeps %v revisions and not 5", document.GetKind(), document.GetName(), limit)
	}
	if paused, _, _ := unstructured.NestedBool(document.Object, "spec", "paused"); paused {
		return fmt.Errorf("%s %s is paused, so that updates of it do nothing", document.GetKind(), document.GetName())
	}
	if len(selected) == 0 || labelled["app.kubernetes.io/part-of"] != "souk" || labelled["app"] != document.GetLabels()["app"] {
		return fmt.Errorf("the labels of %s %s and its pods differ", document.GetKind(), document.GetName())
	}
	for key, value := range selected {
		if labelled[key] != value {
			return fmt.Errorf("%s %s does not select its pods", document.GetKind(), document.GetName())
		}
	}
	return nil
}

// checkRestrictions wants a pod that may do nothing as root.
func checkRestrictions(pod *corev1.Pod) error {
	s := pod.Spec.SecurityContext
	if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || s.RunAsUser == nil || s.RunAsGroup == nil || *s.RunAsUser < 400 || *s.RunAsUser > 70000 || *s.RunAsUser != *s.RunAsGroup {
		return fmt.Errorf("pod %s does not run as a user and a group of its own", pod.Name)
	}
	if s.FSGroup != nil && *s.FSGroup != *s.RunAsGroup {
		return fmt.Errorf("the volumes of pod %s belong to another group", pod.Name)
	}
	if s.SeccompProfile == nil || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		return fmt.Errorf("pod %s has another seccomp profile than RuntimeDefault", pod.Name)
	}
	if token := pod.Spec.AutomountServiceAccountToken; token == nil || *token != (pod.Labels["app"] == "prometheus") {
		return fmt.Errorf("only Prometheus has a token for the API server, and pod %s differs", pod.Name)
	}
	if scrape := pod.Annotations["prometheus.io/scrape"]; scrape != "" || pod.Namespace == "ecommerce" && metricsPort(pod) != 0 && pod.Labels["app"] != paymentProvider {
		if pod.Annotations["prometheus.io/port"] != fmt.Sprint(metricsPort(pod)) || pod.Annotations["prometheus.io/path"] != "/metrics" || scrape != "true" {
			return fmt.Errorf("the annotations of pod %s do not say where its metrics are", pod.Name)
		}
	}
	for _, c := range pod.Spec.TopologySpreadConstraints {
		if c.MaxSkew != 1 || c.WhenUnsatisfiable != corev1.ScheduleAnyway || c.LabelSelector == nil || c.LabelSelector.MatchLabels["app"] != pod.Labels["app"] || !slices.Contains([]string{corev1.LabelHostname, corev1.LabelTopologyZone}, c.TopologyKey) {
			return fmt.Errorf("pod %s is not spread over nodes and zones", pod.Name)
		}
	}
	return nil
}

// checkVolumes wants every volume to be mounted, and every mount to have a volume.
func checkVolumes(pod *corev1.Pod) error {
	mounted := map[string]bool{}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, m := range c.VolumeMounts {
			mounted[m.Name] = true
			if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
				return fmt.Errorf("pod %s mounts %q, which is no volume of it", pod.Name, m.Name)
			}
		}
	}
	for _, v := range pod.Spec.Volumes {
		if !mounted[v.Name] {
			return fmt.Errorf("pod %s does not mount its volume %q", pod.Name, v.Name)
		}
		if v.EmptyDir != nil && (v.EmptyDir.SizeLimit == nil || v.EmptyDir.SizeLimit.Value() > 1<<30 || v.EmptyDir.SizeLimit.Value() < 1<<20) {
			return fmt.Errorf("the volume %s of pod %s has no limit between 1 MiB and 1 GiB", v.Name, pod.Name)
		}
	}
	return nil
}

// checkContainer wants restrictions, bounds, and probes of ports that the container has.
func checkContainer(c corev1.Container) error {
	no, yes := false, true
	want := &corev1.SecurityContext{AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}}
	if !reflect.DeepEqual(c.SecurityContext, want) {
		return errors.New("it has other restrictions than the others")
	}
	for _, resource := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		request, limit := c.Resources.Requests[resource], c.Resources.Limits[resource]
		if request.IsZero() || limit.IsZero() || request.Cmp(limit) > 0 {
			return fmt.Errorf("its bounds for %s are %s and %s", resource, &request, &limit)
		}
	}
	if _, tag, found := strings.Cut(c.Image, ":"); c.Name == "" || !found || tag == "" {
		return fmt.Errorf("it has the name %q and the image %q without a tag", c.Name, c.Image)
	}
	names := map[string]bool{}
	for _, p := range c.Ports {
		if p.Name == "" || names[p.Name] || p.ContainerPort == 0 {
			return fmt.Errorf("its port %d has no name of its own", p.ContainerPort)
		}
		names[p.Name] = true
	}
	return checkProbes(c, names)
}

// Bounds of probes. A program is not killed while it starts, nor because it is slow once, and it
// gets no requests soon after it fails.
const (
	startTime = time.Minute      // at least, until a container that does not start is killed
	liveTime  = 20 * time.Second // at least, until one that does not respond is
	readyTime = 30 * time.Second // at most, until it gets no requests, and again to get them
)

// probed are the paths of probes of programs that are not the store's own, by their image.
// Another one has status 404, with which the pod is killed again and again.
var probed = map[string][]string{
	"prom/prometheus":                               {"/-/ready", "/-/healthy"},
	"prom/alertmanager":                             {"/-/ready", "/-/healthy"},
	"grafana/grafana":                               {"/api/health"},
	"jaegertracing/all-in-one":                      {"/"},
	"otel/opentelemetry-collector-contrib":          {"/"},
	"oliver006/redis_exporter":                      {"/health"},
	"quay.io/prometheuscommunity/postgres-exporter": {"/"},
}

// checkProbes wants probes to ask for something at a port of the container, and often enough, but
// with time for a start and for a slow response.
func checkProbes(c corev1.Container, ports map[string]bool) error {
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		if probe == nil {
			continue
		}
		get, exec := probe.HTTPGet, probe.Exec
		if get == nil && (exec == nil || len(exec.Command) == 0) {
			return errors.New("a probe asks nothing")
		}
		if get != nil && (get.Port.Type != intstr.String || !ports[get.Port.StrVal] || !strings.HasPrefix(get.Path, "/")) {
			return fmt.Errorf("a probe gets %q from the port %s", get.Path, get.Port.String())
		}
		if image, _, _ := strings.Cut(c.Image, ":"); get != nil && image != "souk" && !slices.Contains(probed[image], get.Path) {
			return fmt.Errorf("a probe gets %q, which %s does not serve for probes", get.Path, image)
		}
		if probe.PeriodSeconds == 1 || probe.PeriodSeconds > 30 || probe.TimeoutSeconds > 10 || probe.FailureThreshold == 1 || probe.FailureThreshold > 200 || probe.InitialDelaySeconds > 60 || probe.SuccessThreshold > 3 {
			return errors.New("a probe has no sensible times")
		}
	}
	start := failing(c.StartupProbe)
	if c.StartupProbe == nil && c.LivenessProbe != nil {
		start = time.Duration(c.LivenessProbe.InitialDelaySeconds)*time.Second + failing(c.LivenessProbe)
	}
	if (c.StartupProbe != nil || c.LivenessProbe != nil) && start < startTime {
		return fmt.Errorf("it has %s to start, and needs %s", start, startTime)
	}
	if live := failing(c.LivenessProbe); c.LivenessProbe != nil && live < liveTime {
		return fmt.Errorf("it is killed when it has not responded for %s, and not for %s", live, liveTime)
	}
	if ready := failing(c.ReadinessProbe); c.ReadinessProbe != nil && ready > readyTime {
		return fmt.Errorf("it gets requests until it has failed for %s, and not for %s", ready, readyTime)
	}
	return nil
}

// failing returns how long a probe fails before it counts: three times every ten seconds unless
// it says something else.
func failing(probe *corev1.Probe) time.Duration {
	if probe == nil {
		return 0
	}
	return time.Duration(cmp.Or(probe.PeriodSeconds, 10)*cmp.Or(probe.FailureThreshold, 3)) * time.Second
}

// checkVariables wants variables with a value. The store's programs know each of theirs.
func checkVariables(c corev1.Container, known string) error {
	for _, e := range c.Env {
		if e.Name == "" || e.Value == "" && (e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil && e.ValueFrom.FieldRef == nil && e.ValueFrom.ResourceFieldRef == nil) {
			return fmt.Errorf("the variable %q has no value", e.Name)
		}
		if e.Name == "AUTH_MODE" && e.Value != "enforced" {
			return fmt.Errorf("AUTH_MODE is %q", e.Value)
		}
		if strings.HasPrefix(c.Image, "souk:") && !strings.Contains(known, "`"+e.Name+"`") && c.Name != "api-gateway" {
			return fmt.Errorf("docs/environment.md has no variable %s", e.Name)
		}
	}
	return nil
}

// checkFlags wants the store's programs to know each flag of theirs. known is the reference of
// the commands.
func checkFlags(c corev1.Container, known string) error {
	if !strings.HasPrefix(c.Image, "souk:") || len(c.Args) == 0 {
		return nil
	}
	command := c.Args[0]
	if len(c.Args) > 1 && strings.Contains(known, "\n## souk "+command+" "+c.Args[1]+"\n") {
		command += " " + c.Args[1]
	}
	_, section, found := strings.Cut(known, "\n## souk "+command+"\n")
	if !found {
		return fmt.Errorf("there is no command souk %s", command)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	for _, argument := range c.Args {
		flag, _, _ := strings.Cut(argument, "=")
		if strings.HasPrefix(flag, "--") && !strings.Contains(section, "`"+flag+"`") {
			return fmt.Errorf("souk %s has no flag %s", command, flag)
		}
	}
	return nil
}

func podPorts(pod *corev1.Pod) []uint32 {
	var found []uint32
	for _, c := range pod.Spec.Containers {
		for _, p := range c.Ports {
			found = append(found, uint32(p.ContainerPort))
		}
	}
	return found
}
