package verify

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// meshTelemetry are the keys of a Telemetry that the store sets. Others, such as selector,
// overrides, filter and disabled, end metrics, logs or traces of some or all pods.
type meshTelemetry struct {
	Tracing []struct {
		Providers []provider
		Sampling  float64 `json:"randomSamplingPercentage"`
	}
	AccessLogging, Metrics []struct{ Providers []provider }
}

type provider struct{ Name string }

// tracedShare is the percentage of requests that are traced; checkTelemetry wants the same of the
// programs.
const tracedShare = 10

// checkMeshTelemetry wants the proxies of all pods to record metrics, to log requests, and to
// trace as many of them as the programs do.
func (d Documents) checkMeshTelemetry() error {
	all := d.OfKind("Telemetry")
	if len(all) != 1 || all[0].GetNamespace() != "istio-system" {
		return errors.New("there is not one Telemetry for the whole mesh")
	}
	text, err := yaml.Marshal(all[0].Object["spec"])
	if err != nil {
		return err
	}
	var t meshTelemetry
	if err := yaml.UnmarshalStrict(text, &t); err != nil {
		return fmt.Errorf("the Telemetry has a key whose values no check knows: %w", err)
	}
	if len(t.Tracing) != 1 || len(t.AccessLogging) != 1 || len(t.Metrics) != 1 || t.Tracing[0].Sampling != tracedShare {
		return fmt.Errorf("the proxies do not record metrics, log requests and trace %d %% of them", tracedShare)
	}
	for want, providers := range map[string][]provider{"souk-traces": t.Tracing[0].Providers, "envoy": t.AccessLogging[0].Providers, "prometheus": t.Metrics[0].Providers} {
		if len(providers) != 1 || providers[0].Name != want {
			return fmt.Errorf("the proxies report to %v and not to %s", providers, want)
		}
	}
	return nil
}

// checkJobs wants the pods of jobs to end: with a proxy that is not a native sidecar, a pod runs
// on after its program, and so does its job.
func (d Documents) checkJobs() (err error) {
	if d.ambient() {
		return nil // pods have no proxies
	}
	for _, document := range d.OfKind("Job", "CronJob") {
		labels, _, _ := unstructured.NestedStringMap(document.Object, append(templatePath(document), "metadata", "labels")...)
		annotations, _, _ := unstructured.NestedStringMap(document.Object, append(templatePath(document), "metadata", "annotations")...)
		if annotations["sidecar.istio.io/nativeSidecar"] != "true" && labels["sidecar.istio.io/inject"] != "false" {
			err = errors.Join(err, fmt.Errorf("the pods of %s %s do not end: their proxy is no native sidecar", document.GetKind(), document.GetName()))
		}
	}
	return err
}
