package verify

import "testing"

func TestWorkloadsStayAvailable(t *testing.T) {
	if err := read(t).CheckPrograms(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"number of replicas":  {file: "03", old: "  revisionHistoryLimit: 5", new: "  replicas: 2\n  revisionHistoryLimit: 5", said: "user-service: it has a number of replicas, and an autoscaler"},
		"spread over hosts":   {file: "04", old: "topologyKey: kubernetes.io/hostname", new: "topologyKey: kubernetes.io/os", said: "not spread over kubernetes.io/hostname"},
		"spread over zones":   {file: "05", old: "labelSelector: {matchLabels: {app: inventory-service}}", new: "labelSelector: {matchLabels: {app: inventory}}", said: "inventory-service: its pods are not spread"},
		"budget":              {file: "06", old: "minAvailable: 1", new: "minAvailable: 0", said: "order-service: its disruption budget"},
		"name of the budget":  {file: "07", old: "kind: PodDisruptionBudget\nmetadata:\n  name: notification-service", new: "kind: PodDisruptionBudget\nmetadata:\n  name: notification", said: "there is no PodDisruptionBudget notification-service"},
		"autoscaler":          {file: "08", old: "maxReplicas: 10", new: "maxReplicas: 2", said: "api-gateway: its autoscaler"},
		"update":              {file: "03", old: "maxSurge: 1, maxUnavailable: 0", new: "maxSurge: 0, maxUnavailable: 1", said: "an old pod may go before"},
		"update of half":      {file: "03", old: "maxSurge: 1, maxUnavailable: 0", new: "maxSurge: 1, maxUnavailable: 50%", said: "user-service: an old pod may go before there is a new one: maxUnavailable is 50%"},
		"update of all":       {file: "08", old: "maxSurge: 1, maxUnavailable: 0", new: "maxSurge: 1, maxUnavailable: 100%", said: "api-gateway: an old pod may go before there is a new one: maxUnavailable is 100%"},
		"wait":                {file: "04", old: "preStop: {sleep: {seconds: 5}}", new: "preStop: {sleep: {seconds: 1}}", said: "does not wait until it has left"},
		"end of the proxy":    {file: "05", old: `"terminationDrainDuration": "25s"`, new: `"terminationDrainDuration": "10s"`, said: "its proxy ends"},
		"start":               {file: "06", old: `"holdApplicationUntilProxyStarts": true`, new: `"holdApplicationUntilProxyStarts": false`, said: "start before its proxy"},
		"grace":               {file: "08", old: "terminationGracePeriodSeconds: 45", new: "terminationGracePeriodSeconds: 20", said: "killed before it has drained"},
		"token":               {file: "07", old: "automountServiceAccountToken: false", new: "automountServiceAccountToken: true", said: "token for the API server"},
		"user":                {file: "03", old: "runAsUser: 65532", new: "runAsUser: 0", said: "may run as root"},
		"account":             {file: "04", old: "serviceAccountName: product-service", new: "serviceAccountName: user-service", said: `runs as "user-service"`},
		"limit":               {file: "05", old: `limits: {cpu: "1", memory: 256Mi,`, new: `limits: {cpu: "1",`, said: "no bounds for memory"},
		"probe":               {file: "06", old: "          startupProbe:\n            httpGet: {path: /readyz, port: http}\n            periodSeconds: 2\n            failureThreshold: 60\n", said: "order-service lacks a probe"},
		"sampling":            {file: "07", old: `OTEL_TRACES_SAMPLER_ARG, value: "0.1"`, new: `OTEL_TRACES_SAMPLER_ARG, value: "1"`, said: "OTEL_TRACES_SAMPLER_ARG is not 0.1"},
		"name in traces":      {file: "08", old: "OTEL_SERVICE_NAME, value: api-gateway", new: "OTEL_SERVICE_NAME, value: router", said: "OTEL_SERVICE_NAME is not api-gateway"},
		"database":            {file: "01-s", old: "@order-postgres:5432/order", new: "@user-postgres:5432/order", said: "user-service and order-service share the host user-postgres"},
		"password":            {file: "01-s", old: "change-me-order", new: "change-me-user", said: "user-service and order-service share the password"},
		"connections":         {file: "05", old: "max_connections=200", new: "max_connections=100", said: "inventory-service: its database takes 100 connections, and its replicas open up to 176"},
		"pool":                {file: "01-s", old: "/order?sslmode=disable", new: "/order?sslmode=disable&pool_max_conns=80", said: "order-service: its database takes 200 connections, and its replicas open up to 924"},
		"pool of one":         {file: "01-s", old: "/order?sslmode=disable", new: "/order?sslmode=disable&pool_max_conns=1", said: "order-service: its DATABASE_URL has pool_max_conns=1"},
		"two pools":           {file: "01-s", old: "/order?sslmode=disable", new: "/order?sslmode=disable&pool_max_conns=8&pool_max_conns=80", said: "its DATABASE_URL has pool_max_conns 2 times"},
		"parameter":           {file: "01-s", old: "/order?sslmode=disable", new: "/order?sslmode=disable&synchronous_commit=off", said: "synchronous_commit=off, and no check knows"},
		"Secret's name":       {file: "05", old: "secretKeyRef: {name: inventory-database, key: DATABASE_URL}", new: "secretKeyRef: {name: user-database, key: DATABASE_URL}", said: "user-service and inventory-service share"},
		"place of the secret": {file: "05", old: "- name: DATABASE_URL\n              valueFrom: {secretKeyRef: {name: inventory-database, key: DATABASE_URL}}", new: "- {name: DATABASE_URL, value: \"postgres://inventory-postgres\"}", said: "inventory-service: it has no DATABASE_URL from a Secret"},
		"subcommand":          {file: "03", old: "args: [user]", new: "args: [product]", said: `user-service: it starts ["product"] and not souk user`},
		"path of a probe":     {file: "04", old: "httpGet: {path: /healthz, port: http}", new: "httpGet: {path: /readyz, port: http}", said: "product-service: a probe does not get /healthz"},
		"port of a probe":     {file: "05", old: "httpGet: {path: /readyz, port: http}", new: "httpGet: {path: /readyz, port: web}", said: "inventory-service: its probe of /readyz uses the port web"},
		"port":                {file: "07", old: `PORT, value: "8080"`, new: `PORT, value: "8081"`, said: "notification-service: it listens on 8081"},
		"backed-up services":  {file: "13", old: "value: order inventory payment product user notification", new: "value: order inventory payment product user", said: "backup: the database of notification-service is not backed up"},
		"backup's secret":     {file: "13", old: "prefix: USER_, secretRef: {name: user-database}", new: "prefix: USER_, secretRef: {name: order-database}", said: "backup: it lacks the credentials of the database of user-service"},
		"backup's client":     {file: "13", old: "postgres:17.4-bookworm", new: "postgres:16.4-bookworm", said: "backup: postgres:16.4-bookworm backs up a database of postgres:17.4-bookworm"},
		"uploaded backups":    {file: "13", old: "args: [backup, upload, /backup,", new: "args: [backup, upload, /backups,", said: "does not upload the volume of the backups"},
		"record of backups":   {file: "13", old: "{secretKeyRef: {name: order-database, key: DATABASE_URL}}", new: "{secretKeyRef: {name: user-database, key: DATABASE_URL}}", said: "backup: it does not record the backups in the database of order-service"},
		"optional bucket":     {file: "13", old: "name: backup-bucket, optional: true", new: "name: backup-bucket, optional: false", said: "optional Secret"},
		"read record":         {file: "06-order", old: "value: /etc/exporter/backups.yaml", new: "value: /etc/exporter/backup.yaml", said: "its exporter has no file /etc/exporter/backup.yaml"},
		"memory of Postgres":  {file: "04", old: "memory: 1Gi, ephemeral-storage: 512Mi", new: "memory: 896Mi, ephemeral-storage: 512Mi", said: "its database may use 896 MiB, and 176 connections need 1024"},
		"backup's volume":     {file: "13", old: "BACKUPS, value: /backup", new: "BACKUPS, value: /tmp", said: "backup: no volume is mounted at /tmp"},
		"payment":             {file: "06", old: "PAYMENT_URL,", new: "PAYMENTS_URL,", said: "orders are confirmed without payment"},
		"name of its key":     {file: "06-p", old: "key: PAYMENT_API_KEY", new: "key: API_KEY", said: "payment-provider expects API_KEY of payment-provider"},
		"key for payment":     {file: "01-s", old: "PAYMENT_API_KEY: change-me-payment-api-key", new: `PAYMENT_API_KEY: ""`, said: "the key PAYMENT_API_KEY of the Secret payment-provider is empty"},
		"password there":      {file: "01-s", old: "POSTGRES_PASSWORD: change-me-payment", new: "POSTGRES_PASSWORD: other", said: "POSTGRES_PASSWORD of the Secret payment-database is not what its DATABASE_URL has"},
		"volume":              {file: "03", old: "mountPath: /var/lib/postgresql/data}", new: "mountPath: /var/lib/postgres}", said: "the data of user-postgres are not in its volume"},
		"exporter":            {file: "06-p", old: "localhost:5432/payment", new: "localhost:5432/order", said: "the exporter of payment-postgres reads localhost:5432/order"},
		"exporter's TLS":      {file: "06-p", old: "localhost:5432/payment?sslmode=disable", new: "localhost:5432/payment?sslmode=require", said: "the exporter of payment-postgres reads localhost:5432/payment?sslmode=require"},
		"provider's replicas": {file: "06-p", old: "minReplicas: 2", new: "minReplicas: 1", said: "payment-provider: its autoscaler does not scale it up from two"},
		"provider's database": {file: "01-s", old: "@payment-postgres:5432/payment", new: "@order-postgres:5432/payment", said: "order-service and payment-provider share the host order-postgres"},
		"memory":              {file: "04", old: `{name: PORT, value: "8080"}`, new: "{name: PORT, value: \"8080\"}\n            - {name: GOMEMLIMIT, value: 256MiB}", said: "product-service: GOMEMLIMIT overrides the limit that the program sets itself"},
		"provider's memory":   {file: "06-p", old: "GOMEMLIMIT, value: 108MiB", new: "GOMEMLIMIT, value: 128MiB", said: "payment-provider: GOMEMLIMIT is 128MiB, more than 85 % of 128Mi"},
		"its connections":     {file: "06-p", old: "max_connections=100", new: "max_connections=50", said: "payment-provider: its database takes 50 connections, and its replicas open up to 80"},
	} {
		wrong.noticed(t, name, wrong.read(t).CheckPrograms())
	}
}
