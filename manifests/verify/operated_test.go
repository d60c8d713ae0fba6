package verify

import (
	"path/filepath"
	"testing"
)

func operated(d Documents) error {
	pods, err := d.Pods()
	if err != nil {
		return err
	}
	return d.checkOperated(pods, "../..")
}

// Changes of one value that would do harm, and that no program refuses.
func TestHarmIsNoticed(t *testing.T) {
	if err := operated(read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"pod security":         {file: "01-n", old: "enforce: restricted", new: "enforce: privileged", said: `enforce is "privileged"`},
		"injection":            {file: "01-n", old: "istio-injection: enabled", new: "istio-injection: disabled", said: "is not in the mesh"},
		"pods":                 {file: "01-n", old: `pods: "120"`, new: `pods: "20"`, said: "the quota of pods is 20"},
		"CPU":                  {file: "01-n", old: `requests.cpu: "40"`, new: `requests.cpu: "4"`, said: "the quota of requests.cpu is 4"},
		"claims":               {file: "01-n", old: `persistentvolumeclaims: "20"`, new: `persistentvolumeclaims: "2"`, said: "the quota of persistentvolumeclaims is 2"},
		"default":              {file: "01-n", old: "default: {cpu: 500m, memory: 256Mi}", new: "default: {cpu: 500m, memory: 16Mi}", said: "bounds for memory get 64Mi to 16Mi"},
		"Secrets":              {file: "01-n", old: "[pods, pods/log,", new: "[secrets, pods, pods/log,", said: "it may read secrets"},
		"everything":           {file: "01-n", old: "resources: [pods, pods/log, services, endpoints, configmaps, events, persistentvolumeclaims]", new: `resources: ["*"]`, said: "it may read *"},
		"verbs":                {file: "01-n", old: "verbs: [get, list, watch]", new: `verbs: ["*"]`, said: "it may * ["},
		"exec":                 {file: "01-n", old: "resources: [pods, pods/log,", new: "resources: [pods, pods/exec, pods/log,", said: "it may read pods/exec"},
		"groups":               {file: "01-n", old: "apiGroups: [apps, batch,", new: `apiGroups: ["*", apps, batch,`, said: `API group "*"`},
		"viewers":              {file: "01-n", old: "name: souk-viewers", new: "name: system:authenticated", said: "Group system:authenticated, which is not of the store"},
		"Prometheus's nodes":   {file: "11", old: "resources: [nodes/metrics]", new: "resources: [nodes/metrics, nodes/proxy]", said: "is for all namespaces"},
		"Prometheus's role":    {file: "11", old: "resources: [pods]\n    verbs: [get, list, watch]", new: "resources: [pods, secrets]\n    verbs: [get, list, watch]", said: "it may read secrets"},
		"latest":               {file: "02", old: "redis:7.4.2-alpine", new: "redis:latest", said: "redis:latest is of no release"},
		"volume of the node":   {file: "08", old: "- name: rest\n          configMap: {name: api-gateway-rest}", new: "- name: rest\n          hostPath: {path: /}", said: "of its node"},
		"network of the node":  {file: "05", old: "automountServiceAccountToken: false\n      term", new: "automountServiceAccountToken: false\n      hostNetwork: true\n      term", said: "uses the node's network"},
		"plain HTTP":           {file: "09", old: "httpsRedirect: true", new: "httpsRedirect: false", said: "serves plain HTTP"},
		"old TLS":              {file: "09", old: "TLSV1_2", new: "TLSV1_0", said: `lowest version "TLSV1_0"`},
		"mTLS":                 {file: "09", old: "mode: STRICT", new: "mode: PERMISSIVE", said: `the mode "PERMISSIVE"`},
		"token of the client":  {file: "09", old: "forwardOriginalToken: true", new: "forwardOriginalToken: false", said: "the gateway passes on"},
		"share of the rate":    {file: "09", old: "filter_enforced:\n              default_value: {numerator: 100", new: "filter_enforced:\n              default_value: {numerator: 0", said: "filter_enforced is 0"},
		"mutation twice":       {file: "10", old: "timeout: 30s\n      retries: {attempts: 2, retryOn: \"connect-failure,refused-stream\"}", new: "timeout: 30s\n      retries: {attempts: 2, retryOn: \"connect-failure,refused-stream,5xx\"}", said: "route graphql: a request that may have run"},
		"order twice":          {file: "10", old: "destination: {host: order-service, port: {number: 8080}}\n      retries: {attempts: 2, retryOn: \"connect-failure,refused-stream\"}", new: "destination: {host: order-service, port: {number: 8080}}\n      retries: {attempts: 2, retryOn: \"connect-failure,reset\"}", said: "(reset)"},
		"payment twice":        {file: "06-p", old: "retryOn: \"connect-failure", new: "retryOn: \"gateway-error,connect-failure", said: "(gateway-error)"},
		"attempts":             {file: "10", old: "attempts: 2, retryOn", new: "attempts: 20, retryOn", said: "20 more attempts"},
		"canary":               {file: "10", old: "weight: 100", new: "weight: 0", said: "the version in use gets 0 %"},
		"weights":              {file: "10", old: "weight: 0", new: "weight: 10", said: "the weights of its targets are 110"},
		"no target":            {file: "10", old: "- name: pages\n      route:\n        - destination: {host: api-gateway, port: {number: 8080}}\n", new: "- name: pages\n", said: "its requests go nowhere"},
		"injected fault":       {file: "10", old: "- name: user\n      route:", new: "- name: user\n      fault: {abort: {httpStatus: 503, percentage: {value: 100}}}\n      route:", said: "it has fault"},
		"ejected pods":         {file: "10", old: "maxEjectionPercent: 50", new: "maxEjectionPercent: 100", said: "100 % of them"},
		"ejection":             {file: "10", old: "consecutive5xxErrors: 5", new: "consecutive5xxErrors: 1", said: "after 1 errors"},
		"time of ejection":     {file: "10", old: "baseEjectionTime: 30s", new: "baseEjectionTime: 30m", said: "for 30m0s"},
		"pool":                 {file: "10", old: "maxConnections: 100,", new: "maxConnections: 1,", said: "it allows 1 connections"},
		"time to connect":      {file: "10", old: "connectTimeout: 3s", new: "connectTimeout: 30s", said: `waits "30s"`},
		"scrapes":              {file: "11", old: "scrape_interval: 15s", new: "scrape_interval: 15m", said: `scrape_interval is "15m"`},
		"evaluation":           {file: "11", old: "evaluation_interval: 15s", new: "evaluation_interval: 1h", said: `evaluation_interval is "1h"`},
		"samples":              {file: "11", old: "retention.time=15d", new: "retention.time=1h", said: `keeps is "1h"`},
		"admin API":            {file: "11", old: "- --storage.tsdb.retention.time=15d", new: "- --storage.tsdb.retention.time=15d\n            - --web.enable-admin-api", said: "--web.enable-admin-api"},
		"pages":                {file: "11", old: "repeat_interval: 4h", new: "repeat_interval: 400h", said: "repeat_interval of pages"},
		"wait for pages":       {file: "11", old: "group_wait: 30s", new: "group_wait: 3h", said: `group_wait is "3h"`},
		"dead man":             {file: "11", old: "group_interval: 1m\n          repeat_interval: 1m", new: "group_interval: 1m\n          repeat_interval: 1h", said: "repeat_interval of Watchdog"},
		"address of pages":     {file: "11", old: "/etc/alertmanager-receivers/page,", new: "/etc/alertmanager-receivers/ticket,", said: "the receiver page"},
		"end of an alert":      {file: "11", old: "/etc/alertmanager-receivers/page, send_resolved: true", new: "/etc/alertmanager-receivers/page, send_resolved: false", said: "the receiver page"},
		"nights off":           {file: "11", old: "receiver: page\n          repeat_interval: 4h", new: "receiver: page\n          mute_time_intervals: [night]\n          repeat_interval: 4h", said: "page is silent at times"},
		"collector's address":  {file: "11", old: `http: {endpoint: "0.0.0.0:4318"}`, new: `http: {endpoint: "127.0.0.1:4318"}`, said: `http is at "127.0.0.1:4318"`},
		"collector's memory":   {file: "11", old: "limit_percentage: 80,", new: "limit_percentage: 100,", said: "up to 100 %"},
		"collector's order":    {file: "11", old: "processors: [memory_limiter, batch]", new: "processors: [batch]", said: "traces go through [batch]"},
		"collector's attempts": {file: "11", old: "enabled: true, max_elapsed_time", new: "enabled: false, max_elapsed_time", said: "does not try again"},
		"sampling":             {file: "11", old: `"param": 0.1`, new: `"param": 1`, said: "it samples probabilistic 1"},
		"anonymous":            {file: "11", old: `{name: GF_ANALYTICS_REPORTING_ENABLED, value: "false"}`, new: `{name: GF_AUTH_ANONYMOUS_ENABLED, value: "true"}`, said: "GF_AUTH_ANONYMOUS_ENABLED"},
		"traces":               {file: "11", old: "max-traces=50000", new: "max-traces=5000000", said: "does not bound its traces"},
		"endless traces":       {file: "11", old: "            - --memory.max-traces=50000\n", said: "does not bound its traces"},
		"disk":                 {file: "11", old: "retention.size=18GB", new: "retention.size=180GB", said: "prometheus: its volume has 20Gi"},
		"unsynced":             {file: "03", old: "args: [-c, max", new: "args: [-c, fsync=off, -c, max", said: "user-postgres has fsync=off"},
		"endless backup":       {file: "13", old: `nativeSidecar: "true"`, new: `nativeSidecar: "false"`, said: "CronJob backup do not end"},
		"proxies' metrics":     {file: "11", old: "randomSamplingPercentage: 10", new: "disableSpanReporting: true", said: "disableSpanReporting"},
		"sign-up":              {file: "11", old: `GF_USERS_ALLOW_SIGN_UP, value: "false"`, new: `GF_USERS_ALLOW_SIGN_UP, value: "true"`, said: "GF_USERS_ALLOW_SIGN_UP"},
	} {
		wrong.noticed(t, name, operated(wrong.read(t)))
	}
}

func TestRedisKeepsEvents(t *testing.T) {
	for name, wrong := range map[string]fault{
		"eviction":  {file: "02", old: "volatile-ttl", new: "allkeys-lru", said: "may drop events"},
		"full":      {file: "02", old: "volatile-ttl", new: "noeviction", said: "may drop events"},
		"sync":      {file: "02", old: "appendfsync everysec", new: "appendfsync no", said: "lost for long"},
		"address":   {file: "02", old: "bind 0.0.0.0", new: "bind 127.0.0.1", said: "no other pod reaches"},
		"port":      {file: "02", old: "port 6379\n    dir", new: "port 6380\n    dir", said: "no other pod reaches"},
		"little":    {file: "02", old: "maxmemory 768mb", new: "maxmemory 76mb", said: "it uses 76Mi of 2Gi of memory"},
		"idle":      {file: "02", old: "tcp-keepalive 60", new: "timeout 1", said: `timeout is "1" and not between`},
		"clients":   {file: "02", old: "tcp-keepalive 60", new: "maxclients 10", said: "it takes 10 clients, and the pods open up to 1775"},
		"twice":     {file: "02", old: "tcp-keepalive 60", new: "appendonly no", said: "appendonly is there twice"},
		"rewrite":   {file: "02", old: "tcp-keepalive 60", new: "auto-aof-rewrite-percentage 0", said: "no check knows the values of auto-aof-rewrite-percentage"},
		"no rename": {file: "02", old: "tcp-keepalive 60", new: "rename-command XADD \"\"", said: "no check knows the values of rename-command"},
		"preamble":  {file: "02", old: "aof-use-rdb-preamble yes", new: "aof-use-rdb-preamble no", said: "aof-use-rdb-preamble is \"no\" and not yes"},
		"refused":   {file: "02", old: "    protected-mode no\n", said: "neither a password nor protected-mode no"},
		"closed":    {file: "02", old: "protected-mode no", new: "protected-mode yes", said: "protected-mode is \"yes\" and not no"},
		"default":   {file: "02", old: "args: [redis-server, /etc/redis/redis.conf]", new: "args: [redis-server]", said: "without its configuration it keeps nothing"},
		"alive":     {file: "02", old: "[redis-cli, ping]", new: "[redis-cli, -e, ping]", said: "the liveness probe of redis does not run"},
		"peers":     {file: "02", old: "tcp-keepalive 60", new: "tcp-keepalive 0", said: "tcp-keepalive is \"0\""},
	} {
		wrong.noticed(t, name, wrong.read(t).checkRedis())
	}
}

// A majority of the Sentinels decides, also while one is away.
func TestSentinelsAgree(t *testing.T) {
	component := filepath.Join(dir, "components", "redis-sentinel")
	documents, err := Read(component)
	if err != nil {
		t.Fatal(err)
	}
	if err := documents.checkSentinels(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"all":      {file: "sentinel", old: "6379 2", new: "6379 3", said: "3 of 3 Sentinels must agree"},
		"one":      {file: "sentinel", old: "6379 2", new: "6379 1", said: "1 of 3 Sentinels must agree"},
		"two":      {file: "sentinel", old: "replicas: 3", new: "replicas: 2", said: "2 of 2 Sentinels must agree"},
		"primary":  {file: "sentinel", old: "redis-server-0.redis-server 6379", new: "redis-server-0.redis-server 6380", said: "the Sentinels watch"},
		"time":     {file: "sentinel", old: "down-after-milliseconds souk 5000", new: "down-after-milliseconds souk 500000", said: "down-after-milliseconds"},
		"failover": {file: "sentinel", old: "failover-timeout souk 30000", new: "failover-timeout souk 3000000", said: "failover-timeout"},
		"budget":   {file: "sentinel", old: "maxUnavailable: 1", new: "maxUnavailable: 2", said: "more than one pod of redis-sentinel"},
		"servers":  {file: "redis", old: "maxUnavailable: 1", new: "maxUnavailable: 0", said: "more than one pod of redis-server"},
		"minority": {file: "redis", old: "min-replicas-to-write 1", new: "min-replicas-to-write 0", said: "writes with 0 of its 2 replicas"},
		"both":     {file: "redis", old: "min-replicas-to-write 1", new: "min-replicas-to-write 2", said: "writes with 2 of its 2 replicas"},
		"lag":      {file: "redis", old: "min-replicas-max-lag 10", new: "min-replicas-max-lag 1000", said: "up to 1000 s behind"},
		"eviction": {file: "redis", old: "volatile-ttl", new: "allkeys-lru", said: "may drop events"},
		"sync":     {file: "redis", old: "appendfsync everysec", new: "appendfsync no", said: "lost for long"},
		"named":    {file: "secrets", old: "&addr=redis-sentinel-2.redis-sentinel:26379", new: "", said: "does not have the 3 Sentinels"},
		"name":     {file: "secrets", old: "master_name=souk", new: "master_name=shop", said: "does not have the 3 Sentinels of souk"},
		"alive":    {file: "sentinel", old: `[redis-cli, -p, "26379", ping]`, new: "[redis-cli, ping]", said: "the liveness probe of redis-sentinel does not run"},
		"ready": {file: "sentinel", old: `readinessProbe:
            exec: {command: [redis-cli, -p, "26379", -e, ping]}`, new: `readinessProbe:
            exec: {command: [redis-cli, -e, ping]}`, said: "the readiness probe of redis-sentinel does not run"},
		"little":    {file: "redis", old: "maxmemory 768mb", new: "maxmemory 76mb", said: "it uses 76Mi"},
		"idle":      {file: "redis", old: "tcp-keepalive 60", new: "timeout 1", said: `timeout is "1"`},
		"no server": {file: "redis.yaml", old: "replicas: 3", new: "replicas: 1", said: "redis-server has no replica"},
	} {
		changed, err := Read(component, Change{File: wrong.file, Old: wrong.old, New: wrong.new})
		if err != nil {
			t.Fatal(err)
		}
		wrong.noticed(t, name, changed.checkSentinels())
	}
}
