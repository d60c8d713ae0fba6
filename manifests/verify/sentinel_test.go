package verify

import (
	"errors"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// With Sentinels, names refer to something, Istio's analyzers find nothing, and programs reach
// every Sentinel and Redis by the policies of the mesh and of the network. Nobody else does.
func TestSentinelStoreIsComplete(t *testing.T) {
	if err := completeSentinels(t, composed(t, []string{"redis-sentinel"})); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"account": {file: "components/redis-sentinel/access", old: "              - cluster.local/ns/ecommerce/sa/order-service\n", new: "", said: "not let in: ecommerce/order-service > redis-sentinel:26379"},
		"port":    {file: "components/redis-sentinel/sentinel", old: "port: 26379, targetPort", new: "port: 26380, targetPort", said: "the Service redis-sentinel has no port 26379"},
		"key":     {file: "components/redis-sentinel/secrets", old: "  REDIS_URL:", new: "  URL:", said: "there is no key REDIS_URL in a Secret redis"},
		"pods":    {file: "components/redis-sentinel/redis", old: "selector: {app: redis-server}\n  ports", new: "selector: {app: redis-servers}\n  ports", said: "redis-server"},
		"memory":  {file: "components/redis-sentinel/redis", old: "memory: 2560Mi", new: "memory: 2Gi", said: "2Gi of memory are too few"},
		"loading": {file: "components/redis-sentinel/redis", old: "[sh, /etc/redis/ready.sh]", new: "[redis-cli, ping]", said: "counts as ready while it loads"},
	} {
		wrong.noticed(t, name, completeSentinels(t, wrong.with(t, "redis-sentinel")))
	}
}

func completeSentinels(t *testing.T, documents Documents) error {
	t.Helper()
	pods, err := documents.Pods()
	if err != nil {
		return err
	}
	var want []string
	callers := []string{"api-gateway", "user-service", "product-service", "inventory-service", "order-service", "notification-service", "redis"}
	for _, caller := range callers {
		want = append(want, "ecommerce/"+caller+" > redis-sentinel:26379", "ecommerce/"+caller+" > redis-server:6379")
	}
	for _, call := range allowed {
		if !strings.HasSuffix(call, " > redis:6379") {
			want = append(want, call)
		}
	}
	apps := slices.DeleteFunc(slices.Clone(storeApps), func(app string) bool { return app == "redis" })
	return errors.Join(documents.CheckReferences(), documents.CheckFiles(pods), analyze(t, documents), documents.checkReplicas(),
		getThrough(t, documents, want...), differs(letInto(t, documents, append(apps, "redis-server", "redis-sentinel", "load-test")), want))
}

// checkReplicas wants memory for the copy that Redis makes for its file or a replica, for the
// buffers of two replicas and for the backlog, and a server that is ready only with its data.
func (d Documents) checkReplicas() error {
	var set appsv1.StatefulSet
	if err := d.find("StatefulSet", "redis-server", &set); err != nil {
		return err
	}
	conf := strings.Join(d.values("ConfigMap", set.Namespace, "redis-server", "redis.conf"), "")
	need := int64(0)
	for directive, times := range map[string]int64{directive(conf, "maxmemory"): 2, directive(conf, "repl-backlog-size"): 1, strings.Fields(directive(conf, "client-output-buffer-limit"))[1]: 2} {
		quantity, err := resource.ParseQuantity(strings.TrimSuffix(directive, "mb") + "Mi")
		if err != nil {
			return err
		}
		need += times * quantity.Value()
	}
	c := set.Spec.Template.Spec.Containers[0]
	if limit := c.Resources.Limits.Memory(); limit.Value() < need {
		return errors.New(limit.String() + " of memory are too few")
	}
	if !slices.Equal(c.StartupProbe.Exec.Command, []string{"redis-cli", "-e", "ping"}) || !slices.Equal(c.ReadinessProbe.Exec.Command, []string{"sh", "/etc/redis/ready.sh"}) {
		return errors.New("it counts as ready while it loads its file")
	}
	return nil
}
