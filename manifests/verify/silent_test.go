package verify

import "testing"

// Changes with which every program starts, and none complains.
func TestSilentHarmIsNoticed(t *testing.T) {
	if err := checkFast(read(t)); err != nil {
		t.Fatal(err)
	}
	const annotation = `prometheus.io/port: "`
	for name, wrong := range map[string]fault{
		"receivers":             {file: "11", old: "secretName: alertmanager-receivers", new: "secretName: alertmanager-receiver", said: "starts without the Secret istio-system/alertmanager-receiver,"},
		"bucket":                {file: "13", old: "name: backup-bucket, optional", new: "name: backup-buckets, optional", said: "starts without the Secret ecommerce/backup-buckets,"},
		"optional Secret":       {file: "13", old: "{name: user-database}", new: "{name: user-database, optional: true}", said: "starts without the Secret ecommerce/user-database,"},
		"optional ConfigMap":    {file: "11", old: "configMap: {name: alertmanager}", new: "configMap: {name: alertmanager, optional: true}", said: "starts without the ConfigMap istio-system/alertmanager,"},
		"optional key":          {file: "08", old: "key: INVALIDATION_TOKEN}", new: "key: INVALIDATION_TOKEN, optional: true}", said: "key INVALIDATION_TOKEN,"},
		"inventory of orders":   {file: "06-o", old: `INVENTORY_SERVICE_URL, value: "http://inventory-service:8080"`, new: `INVENTORY_SERVICE_URL, value: "http://product-service:8080"`, said: "INVENTORY_SERVICE_URL is http://product-service:8080, which is not inventory-service"},
		"orders of the router":  {file: "08", old: `ORDER_SERVICE_URL, value: "http://order-service:8080"`, new: `ORDER_SERVICE_URL, value: "http://user-service:8080"`, said: "ORDER_SERVICE_URL is http://user-service:8080"},
		"payment":               {file: "06-o", old: `PAYMENT_URL, value: "http://payment-provider:8080"`, new: `PAYMENT_URL, value: "http://user-service:8080"`, said: "PAYMENT_URL is http://user-service:8080"},
		"service over TLS":      {file: "06-o", old: "http://payment-provider:8080", new: "https://user-service:8080", said: "PAYMENT_URL is https://user-service:8080"},
		"service with a domain": {file: "06-o", old: "http://payment-provider:8080", new: "https://user-service.ecommerce:8080", said: "PAYMENT_URL is https://user-service.ecommerce:8080"},
		"service by its name":   {file: "06-o", old: "http://payment-provider:8080", new: "https://user-service.ecommerce.svc.cluster.local:8080", said: "PAYMENT_URL is https://user-service.ecommerce.svc"},
		"TLS to a plain port":   {file: "06-o", old: "http://payment-provider:8080", new: "https://payment-provider:8080", said: "order-service-0: it calls https://payment-provider:8080, and the port http of the Service speaks http"},
		"credentials of clouds": {file: "06-o", old: "http://payment-provider:8080", new: "https://169.254.169.254", said: "PAYMENT_URL is https://169.254.169.254"},
		"TLS to a service":      {file: "06-o", old: "http://product-service:8080", new: "https://product-service:8080", said: "it calls https://product-service:8080"},
		"TLS to orders":         {file: "08", old: `ORDER_SERVICE_URL, value: "http://`, new: `ORDER_SERVICE_URL, value: "https://`, said: "it calls https://order-service:8080"},
		"TLS to a subgraph":     {file: "08", old: `url: "http://product-service:8080/graphql"`, new: `url: "https://product-service:8080/graphql"`, said: "it calls https://product-service:8080"},
		"TLS to Redis":          {file: "06-o", old: "redis://redis-service:6379", new: "rediss://redis-service:6379", said: "it calls rediss://redis-service:6379, and the port tcp-redis of the Service speaks redis"},
		"TLS to the collector":  {file: "06-o", old: "http://otel-collector.istio-system:4318", new: "https://otel-collector.istio-system:4318", said: "OTEL_EXPORTER_OTLP_ENDPOINT is not http://otel-collector.istio-system:4318"},
		"TLS to keys":           {file: "08", old: "http://user-service:8080/.well-known", new: "https://user-service:8080/.well-known", said: "it calls https://user-service:8080"},
		"TLS of the gateway":    {file: "09", old: "jwksUri: http://user", new: "jwksUri: https://user", said: "it calls https://user-service.ecommerce.svc.cluster.local:8080"},
		"TLS to a database":     {file: "01-s", old: "/order?sslmode=disable", new: "/order?sslmode=require", said: "its DATABASE_URL has sslmode=require, and nothing turns TLS on in order-postgres"},
		"two of Redis":          {file: "02", old: "replicas: 1", new: "replicas: 2", said: "redis: it has 2 pods that know nothing of each other"},
		"pages of strangers":    {file: "10", old: "    - name: api\n      match:", new: "    - name: api\n      corsPolicy: {allowOrigins: [{regex: \".*\"}], allowCredentials: true}\n      match:", said: "route api: pages of map[regex:.*] may read responses"},
		"no keys":               {file: "08", old: "        last_good_keys:\n          secret: ${env.LAST_GOOD_KEYS_SECRET:-}\n", said: "knows no keys"},
		"paused":                {file: "08", old: "  revisionHistoryLimit: 5", new: "  paused: true\n  revisionHistoryLimit: 5", said: "Deployment api-gateway is paused"},
		"time that is left":     {file: "08", old: "timeout_header: Souk-Timeout-Ms", new: "timeout_header: Souk-Timeout", said: "the services read the time that is left from Souk-Timeout-Ms"},
		"silent nights":         {file: "11", old: "matchers: ['alertname = \"RedisAway\"']", new: "mute_time_intervals: [nights]\n              matchers: ['alertname = \"RedisAway\"']", said: "is silent at times"},
		"severity of pages":     {file: "11", old: `['severity = "page"']`, new: `['severity = "critical"']`, said: `with the severity "page" goes to ["ticket"] and not to "page"`},
		"other programs":        {file: "11", old: "target_matchers: ['alertname = \"OutboxStuck\"']\n        equal: [app]", new: "target_matchers: ['alertname = \"OutboxStuck\"']\n        equal: []", said: "is also for other programs"},
		"alert that fires":      {file: "11", old: "source_matchers: ['alertname = \"SlowFastBurn\"']", new: "source_matchers: ['alertname = \"Watchdog\"']", said: "mutes [\"alertname = \\\"SlowSlowBurn\\\"\"] for ever, because Watchdog always fires"},
		"severity that fires":   {file: "11", old: "source_matchers: ['alertname = \"SlowFastBurn\"']", new: "source_matchers: ['severity = \"none\"']", said: "for ever, because Watchdog always fires"},
		"any alert":             {file: "11", old: "source_matchers: ['alertname = \"SlowFastBurn\"']", new: "source_matchers: ['alertname =~ \".+\"']", said: "for ever, because Watchdog always fires"},
		"own cluster":           {file: "11", old: "source_matchers: ['alertname = \"SlowFastBurn\"']", new: "source_matchers: ['cluster = \"souk\"']", said: "for ever, because Watchdog always fires"},
		"dead-man's switch":     {file: "11", old: "target_matchers: ['alertname = \"SlowSlowBurn\"']", new: "target_matchers: ['severity != \"page\"']", said: "mutes Watchdog, whose end tells"},
		"name of an alert":      {file: "11", old: "alert: NobodyServed\n", new: "alert: NobodyServes\n", said: "an inhibition names the alert NobodyServed, which does not exist"},
		"silent receiver":       {file: "11", old: "        webhook_configs:\n          - {url_file: /etc/alertmanager-receivers/page, send_resolved: true}\n", said: "the receiver page tells nobody"},
		"secret of a receiver":  {file: "11", old: "webhook_configs:\n          - {url_file: /etc/alertmanager-receivers/page, send_resolved: true}", new: "pagerduty_configs:\n          - {routing_key: abcdef}", said: "routing_key is a secret in a ConfigMap"},
		"payment without TLS":   {file: "06-o", old: "http://payment-provider:8080", new: "http://payments.example", said: "PAYMENT_URL is http://payments.example"},
		"metrics of the router": {file: "08", old: annotation + "9090", new: annotation + "8080", said: "do not say where its metrics are"},
		"metrics of Redis":      {file: "02", old: annotation + "9121", new: annotation + "6379", said: "do not say where its metrics are"},
		"playground":            {file: "08", old: `PLAYGROUND, value: "false"`, new: `PLAYGROUND, value: "true"`, said: "the playground is on (true)"},
		"introspection":         {file: "08", old: `INTROSPECTION, value: "false"`, new: `INTROSPECTION, value: "1"`, said: "introspection is on (1)"},
		"from a Secret":         {file: "08", old: `{name: PLAYGROUND, value: "false"}`, new: `{name: PLAYGROUND, valueFrom: {secretKeyRef: {name: api-gateway, key: INVALIDATION_TOKEN}}}`, said: "the playground is on"},
		"trusted proxy":         {file: "08", old: `{name: PLAYGROUND, value: "false"}`, new: `{name: TRUSTED_PROXY, value: 0.0.0.0/0}`, said: `it believes "0.0.0.0/0"`},
		"unread dumps":          {file: "13", old: "      pg_restore --file=/dev/null \"partial/$service.dump\"\n", said: "backup.sh lacks the line pg_restore"},
		"unheeded dumps":        {file: "13", old: "pg_restore --file=/dev/null \"partial/$service.dump\"", new: "pg_restore --file=/dev/null \"partial/$service.dump\" || true", said: "backup.sh lacks the line pg_restore"},
		"token of services":     {file: "05", old: "            - name: SERVICE_TOKEN\n              valueFrom: {secretKeyRef: {name: service-token, key: SERVICE_TOKEN}}\n", said: "inventory-service: it lacks the variable SERVICE_TOKEN"},
		"empty token":           {file: "01-s", old: "SERVICE_TOKEN: change-me-service-token", new: `SERVICE_TOKEN: ""`, said: "SERVICE_TOKEN is empty in the Secret service-token"},
		"e-mail":                {file: "07", old: "            - {name: SMTP_URL, value: \"smtp://mail.ecommerce-mail.svc.cluster.local:25\"}\n", said: "notification-service: it lacks the variable SMTP_URL"},
		"key of payments":       {file: "06-p", old: "            - name: PAYMENT_API_KEY\n              valueFrom: {secretKeyRef: {name: payment-provider, key: PAYMENT_API_KEY}}\n", said: "PAYMENT_API_KEY"},
		"token of invalidation": {file: "08", old: "            - name: INVALIDATION_TOKEN\n              valueFrom: {secretKeyRef: {name: api-gateway, key: INVALIDATION_TOKEN}}\n", said: "INVALIDATION_TOKEN"},
		"pool of Redis":         {file: "06-o", old: "redis://redis-service:6379", new: "redis://redis-service:6379?pool_size=1", said: "REDIS_URL is redis://redis-service:6379?pool_size=1"},
		"streams' pool":         {file: "10", old: "      labels: {app: api-gateway}\n      trafficPolicy:\n        connectionPool:\n          tcp: {maxConnections: 5000, connectTimeout: 3s}\n          http: {http1MaxPendingRequests: 5000, maxRequestsPerConnection: 10}\n", new: "      labels: {app: api-gateway}\n", said: "has a pool of 0 connections and 0 waiting ones, and a router admits"},
		"small pool":            {file: "10", old: "tcp: {maxConnections: 5000,", new: "tcp: {maxConnections: 500,", said: "has a pool of 500 connections"},
		"rights of Prometheus":  {file: "11", old: "    resources: [pods]\n    verbs: [get, list, watch]", new: "    resources: [services]\n    verbs: [get, list, watch]", said: "since prometheus may not list pods"},
		"failed dumps":          {file: "13", old: "    set -eu\n", new: "    set -u\n", said: "backup.sh lacks the line set -eu"},
	} {
		wrong.noticed(t, name, checkFast(wrong.read(t)))
	}
}
