package verify

import "testing"

// The proxies of all pods record metrics, requests and traces.
func TestProxiesReport(t *testing.T) {
	if err := read(t).checkMeshTelemetry(); err != nil {
		t.Fatal(err)
	}
	const metrics = "metrics:\n    - providers: [{name: prometheus}]"
	for name, wrong := range map[string]fault{
		"disabled":    {file: "11", old: metrics, new: metrics + "\n      overrides: [{disabled: true}]", said: `unknown field "overrides"`},
		"no log":      {file: "11", old: "providers: [{name: envoy}]", new: "providers: [{name: envoy}]\n      disabled: true", said: `unknown field "disabled"`},
		"filter":      {file: "11", old: "providers: [{name: envoy}]", new: "providers: [{name: envoy}]\n      filter: {expression: \"false\"}", said: `unknown field "filter"`},
		"no spans":    {file: "11", old: "randomSamplingPercentage: 10", new: "randomSamplingPercentage: 10\n      disableSpanReporting: true", said: `unknown field "disableSpanReporting"`},
		"few traces":  {file: "11", old: "randomSamplingPercentage: 10", new: "randomSamplingPercentage: 0", said: "trace 10 % of them"},
		"no metrics":  {file: "11", old: "  " + metrics + "\n", said: "do not record metrics"},
		"collector":   {file: "11", old: "name: souk-traces}", new: "name: traces}", said: "report to [{traces}] and not to souk-traces"},
		"one program": {file: "11", old: "  # Sample one trace", new: "  selector: {matchLabels: {app: order-service}}\n  # Sample one trace", said: `unknown field "selector"`},
		"namespace":   {file: "11", old: "name: mesh-default\n  namespace: istio-system", new: "name: mesh-default\n  namespace: ecommerce", said: "for the whole mesh"},
	} {
		wrong.noticed(t, name, wrong.read(t).checkMeshTelemetry())
	}
}

// The pods of jobs end with their programs.
func TestJobsEnd(t *testing.T) {
	if err := read(t).checkJobs(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"backup":    {file: "13", old: `nativeSidecar: "true"`, new: `nativeSidecar: "false"`, said: "the pods of CronJob backup do not end"},
		"load test": {file: "12", old: "        sidecar.istio.io/nativeSidecar: \"true\"\n", said: "the pods of Job load-test do not end"},
	} {
		wrong.noticed(t, name, wrong.read(t).checkJobs())
	}
}
