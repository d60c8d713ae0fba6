package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// An edit is what docs/operations.md tells an operator to change: the words of the guide, the
// changes, the file that is deleted, objects that are added, and what operator.yaml says afterwards.
// If a change leaves what it replaces, done is what a file has after this edit or one like it.
type edit struct {
	guide    string
	changes  []Change
	deleted  string
	added    string
	settings string
	done     string
}

// leftOut reports whether the operator has made the edit, or another one at the same place.
func (e edit) leftOut(t *testing.T, dir string) bool {
	t.Helper()
	o, err := settings()
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(e.changes, func(c Change) bool {
		return c.Old != c.New && (fault{file: c.File, old: c.Old}).leftOutOf(t, dir) ||
			o.Changed && e.done != "" && fileHas(t, dir, c.File, e.done)
	})
}

// store returns the objects of a directory with the edit.
func (e edit) store(t *testing.T, dir string) Documents {
	t.Helper()
	all, err := Read(dir, e.changes...)
	if err != nil {
		t.Fatalf("%v; if you changed it, set changed: true in operator.yaml", err)
	}
	added, err := decode("own.yaml", []byte(e.added))
	if err != nil {
		t.Fatal(err)
	}
	return append(slices.DeleteFunc(all, func(d Document) bool { return d.File == e.deleted }), added...)
}

// egress is a NetworkPolicy that lets an app call a port.
func egress(app, to string, port int) string {
	return fmt.Sprintf("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: own-egress, namespace: ecommerce, labels: {app.kubernetes.io/part-of: souk}}\n"+
		"spec: {podSelector: {matchLabels: {app: %s}}, policyTypes: [Egress], egress: [{to: [{%s}], ports: [{protocol: TCP, port: %d}]}]}\n", app, to, port)
}

// key returns a change that adds keys to router.yaml.
func key(yaml string) Change {
	return Change{File: "08", Old: "    authentication:\n", New: "    " + yaml + "\n    authentication:\n"}
}

const payment = `PAYMENT_URL, value: "http://payment-provider:8080"`

var edits = map[string]edit{
	"a CDN in front of the gateway": {guide: "add its networks to `client_address.trusted_proxies`",
		changes: []Change{{File: "08", Old: `127.0.0.0/8}"]`, New: `127.0.0.0/8}", 203.0.113.0/24, "2001:db8::/32"]`}}},
	"an address of a payment provider": {guide: "Set `PAYMENT_URL` in `manifests/06-order-service.yaml` to the provider",
		changes: []Change{{File: "06-o", Old: payment, New: "PAYMENT_URL, value: https://payments.example"}}},
	"a payment provider": {guide: "Remove `payment` from `SERVICES`", deleted: "06-payment-provider.yaml",
		changes: []Change{{File: "06-o", Old: payment, New: "PAYMENT_URL, value: https://payments.example"}, {File: "13", Old: "inventory payment product", New: "inventory product"}}},
	"an adapter in another namespace": {guide: "name the host of an adapter in the cluster", deleted: "06-payment-provider.yaml", settings: "hosts: [adapter.payments]",
		changes: []Change{{File: "06-o", Old: payment, New: `PAYMENT_URL, value: "http://adapter.payments:8080"`}, {File: "13", Old: "inventory payment product", New: "inventory product"}}, added: egress("order-service", "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: payments}}", 8080)},
	"an adapter of the store": {guide: "name the host of an adapter in the cluster", settings: "hosts: [adapter]\ncalls: [ecommerce/order-service > notification-service:8080]",
		changes: []Change{{File: "06-o", Old: payment, New: `PAYMENT_URL, value: "http://adapter:8080"`}},
		added:   "apiVersion: v1\nkind: Service\nmetadata: {name: adapter, namespace: ecommerce, labels: {app.kubernetes.io/part-of: souk}}\nspec: {selector: {app: notification-service}, ports: [{name: http, port: 8080, targetPort: http}]}\n"},
	"a mail provider": {guide: "replace the value of `SMTP_URL` by `valueFrom: {secretKeyRef: {name: mail, key: SMTP_URL}}`",
		changes: []Change{{File: "07", Old: `SMTP_URL, value: "smtp://mail.ecommerce-mail.svc.cluster.local:25"`, New: "SMTP_URL, valueFrom: {secretKeyRef: {name: mail, key: SMTP_URL}}"},
			{File: "07", Old: "shop@souk.example", New: "orders@shop.example"}}},
	"no text messages": {guide: "remove `SMS_WEBHOOK_URL`",
		changes: []Change{{File: "07", Old: `            - {name: SMS_WEBHOOK_URL, value: "http://sms.ecommerce-mail.svc.cluster.local/messages"}` + "\n"}}},
	"many streams": {done: "\n    limits:", guide: "also raise its `limits.http_max_connections`",
		changes: []Change{{File: "08", Old: "max_connections: 2000", New: "max_connections: 5000"}, key("limits: {http_max_connections: 8192}"),
			{File: "08", Old: `limits: {cpu: "2", memory: 512Mi`, New: `limits: {cpu: "2", memory: 1Gi`}, {File: "10", Old: "tcp: {maxConnections: 6000}", New: "tcp: {maxConnections: 8000}"}}},
	"scaling by the program alone": {guide: "use `type: ContainerResource` with the name of the program's container",
		changes: []Change{{File: "08", Old: "- type: Resource\n      resource: {name: cpu,", New: "- type: ContainerResource\n      containerResource: {name: cpu, container: api-gateway,"}}},
	"debug bundles":   {done: "debug_bundle:", guide: "`admin.debug_bundle: true`", changes: []Change{{File: "08", Old: `listen: "0.0.0.0:9090"`, New: "listen: \"0.0.0.0:9090\"\n      debug_bundle: true"}}},
	"a log with more": {done: "\n    log:", guide: "Changes to listen addresses, `log` and `telemetry`", changes: []Change{key("log: {level: debug}")}},
	"a cache of its own": {guide: "`response_cache.redis.url` of the router", changes: []Change{{File: "08", Old: "compare: 0.01\n      enabled: true\n      redis:\n        url: ${env.REDIS_URL}", New: "compare: 0.01\n      enabled: true\n      redis:\n        url: rediss://cache.example"}},
		added: egress("api-gateway", "ipBlock: {cidr: 198.51.100.0/24}", 6379)},
	"few connections":     {done: "pool_max_conns=", guide: "write `pool_max_conns=8` into the service's `DATABASE_URL`", changes: []Change{{File: "01-s", Old: "/order?sslmode=disable", New: "/order?sslmode=disable&pool_max_conns=8"}}},
	"short statements":    {done: "statement_timeout=", guide: "`…?sslmode=disable&statement_timeout=1500`", changes: []Change{{File: "01-s", Old: "/order?sslmode=disable", New: "/order?sslmode=disable&statement_timeout=1500"}}},
	"headers of clients":  {done: "\n    headers:", guide: "`headers`, `cors`", changes: []Change{key("headers: {all: {propagate: [Authorization, Accept-Language]}}")}},
	"a page of one's own": {done: "\n    cors:", guide: "`headers`, `cors`", changes: []Change{key(`cors: {allow_origins: ["https://shop.example"]}`)}},
	"another subgraph": {done: "name: \"review\"", guide: "a timeout of each subgraph", added: egress("api-gateway", "ipBlock: {cidr: 198.51.100.0/24}", 443),
		changes: []Change{{File: "08", Old: "order: {timeout: 13s}", New: "order: {timeout: 13s}\n        review: {timeout: 3s}"},
			{File: "08", Old: "enum join__Graph {\n", New: "enum join__Graph {\n      REVIEW @join__graph(name: \"review\", url: \"https://reviews.example/graphql\")\n"}}},
	"a pager": {guide: "put its [receiver](https://prometheus.io/docs/alerting/latest/configuration/#receiver) in place of `webhook_configs`",
		changes: []Change{{File: "11", Old: "webhook_configs:\n          - {url_file: /etc/alertmanager-receivers/page, send_resolved: true}", New: "pagerduty_configs:\n          - {routing_key_file: /etc/alertmanager-receivers/page}"}}},
	"e-mail and chat for tickets": {guide: "Passwords belong in the Secret, whose keys are files",
		changes: []Change{{File: "11", Old: "webhook_configs:\n          - {url_file: /etc/alertmanager-receivers/ticket, send_resolved: true}", New: "email_configs:\n          - {to: ops@shop.example, from: souk@shop.example, smarthost: \"smtp.example:587\", auth_username: souk, auth_password_file: /etc/alertmanager-receivers/smtp}\n        slack_configs:\n          - {api_url_file: /etc/alertmanager-receivers/slack, channel: \"#ops\"}"}}},
	"pages with few headers": {done: "\n    cors:", guide: "`headers`, `cors`", changes: []Change{key(`cors: {allow_origins: ["https://shop.example"], max_age: 1h, allow_methods: [GET, POST], allow_headers: [Authorization, Content-Type]}`)}},
	"more memory of Redis":   {guide: "give it at least 2.25 times `maxmemory`", changes: []Change{{File: "02", Old: "maxmemory 768mb", New: "maxmemory 1gb"}, {File: "02", Old: "memory: 2Gi", New: "memory: 3Gi"}}},
	"a cache in a Secret": {guide: "`response_cache.redis.url` of the router", settings: "secrets: [cache]", added: egress("api-gateway", "ipBlock: {cidr: 198.51.100.0/24}", 6379),
		changes: []Change{{File: "08", Old: "compare: 0.01\n      enabled: true\n      redis:\n        url: ${env.REDIS_URL}", New: "compare: 0.01\n      enabled: true\n      redis:\n        url: ${env.CACHE_URL}"},
			{File: "08", Old: "            - {name: ORDER_SERVICE_URL", New: "            - {name: CACHE_URL, valueFrom: {secretKeyRef: {name: cache, key: CACHE_URL}}}\n            - {name: ORDER_SERVICE_URL"}}},
	"an address of payments in a Secret": {guide: "Set `PAYMENT_URL` in `manifests/06-order-service.yaml` to the provider", settings: "secrets: [shop]",
		changes: []Change{{File: "06-o", Old: "{name: " + payment + "}", New: "{name: PAYMENT_URL, valueFrom: {secretKeyRef: {name: shop, key: PAYMENT_URL}}}"}}},
	"a Secret of one's own": {guide: "`secrets`", settings: "secrets: [shop]",
		changes: []Change{{File: "07", Old: "secretKeyRef: {name: service-token, key: SERVICE_TOKEN}", New: "secretKeyRef: {name: shop, key: SERVICE_TOKEN}"}}},
}

// set makes the checks use an operator.yaml of its own.
func set(t *testing.T, text string) {
	t.Helper()
	before := settings
	t.Cleanup(func() { settings = before })
	settings = func() (operatorSettings, error) { return parseOperator([]byte(text)) }
}

// What the guide tells an operator to change passes the checks.
func TestDocumentedEditsPass(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(guide, "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range edits {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(string(text), e.guide) {
				t.Errorf("docs/operations.md does not say %q", e.guide)
			}
			if e.leftOut(t, dir) {
				t.Skip("the store has been changed here")
			}
			store := e.store(t, dir)
			if e.settings != "" {
				set(t, e.settings)
			}
			if err := checkFast(store); err != nil {
				t.Errorf("%v; if you changed the manifests, set changed: true in operator.yaml", err)
			}
		})
	}
}

// Whoever has made such an edit can run the checks, and their tests.
func TestDocumentedEditsAreNotMadeTwice(t *testing.T) {
	for name, e := range edits {
		t.Run(name, func(t *testing.T) {
			if e.leftOut(t, dir) {
				t.Skip("the store has been changed here")
			}
			edited := e.copied(t)
			set(t, "changed: true\n"+e.settings)
			if e.leftOut(t, edited) {
				return
			}
			if err := checkFast(e.store(t, edited)); err != nil {
				t.Error(err)
			}
		})
	}
}

// copied returns a directory with the edited files.
func (e edit) copied(t *testing.T) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	edited := t.TempDir()
	for _, path := range paths {
		name := filepath.Base(path)
		if name == e.deleted {
			continue
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range e.changes {
			if strings.HasPrefix(name, c.File) {
				text = []byte(strings.ReplaceAll(string(text), c.Old, c.New))
			}
		}
		if err := os.WriteFile(filepath.Join(edited, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return edited
}

// What operator.yaml does not say, or says of something else, is noticed.
func TestOperatorSettingsAreNeeded(t *testing.T) {
	for text, said := range map[string]string{
		"secret: [shop]":          `unknown field "secret"`,
		"calls: [api-gateway]":    "is not like",
		"hosts: [other.payments]": "",
	} {
		if _, err := parseOperator([]byte(text)); said != "" && (err == nil || !strings.Contains(err.Error(), said)) || said == "" && err != nil {
			t.Errorf("%s: got error %v, want %q", text, err, said)
		}
	}
	before, err := settings()
	if err != nil {
		t.Fatal(err)
	}
	set(t, fmt.Sprintf("changed: %v\nhosts: [other.payments]\nsecrets: [other]", before.Changed))
	for name, wrong := range map[string]fault{
		"host":   {file: "06-o", old: payment, new: `PAYMENT_URL, value: "http://adapter.payments:8080"`, said: "none of the hosts in operator.yaml"},
		"Secret": {file: "07", old: "secretKeyRef: {name: service-token, key: SERVICE_TOKEN}", new: "secretKeyRef: {name: shop, key: SERVICE_TOKEN}", said: "in a Secret shop"},
		"key":    {file: "07", old: `SMTP_URL, value: "smtp://mail.ecommerce-mail.svc.cluster.local:25"`, new: "SMTP_URL, valueFrom: {secretKeyRef: {name: mail, key: URL}}", said: "there is no key URL in a Secret mail"},
		"policy": {file: "06-o", old: payment, new: `PAYMENT_URL, value: "http://other.payments:8080"`, said: "calls other.payments:8080: no NetworkPolicy"},
		"port":   {file: "06-o", old: payment, new: `PAYMENT_URL, value: "https://payments.example:8443"`, said: "calls payments.example:8443: no NetworkPolicy"},
	} {
		wrong.noticed(t, name, checkFast(wrong.read(t)))
	}
	half := slices.DeleteFunc(read(t), func(d Document) bool { return d.GetKind() == "Deployment" && d.GetName() == paymentProvider })
	if err := checkFast(half); err == nil || !strings.Contains(err.Error(), "payment") {
		t.Errorf("half of the simulated provider: got error %v", err)
	}
}
