package verify

import "testing"

func TestWorkloadsStayAvailable(t *testing.T) {
	if err := read(t).CheckPrograms(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"number of replicas":  {"03", "replicas: 2", "replicas: 1", "user-service: it does not have two replicas"},
		"spread over hosts":   {"04", "topologyKey: kubernetes.io/hostname", "topologyKey: kubernetes.io/os", "not spread over kubernetes.io/hostname"},
		"spread over zones":   {"05", "labelSelector: {matchLabels: {app: inventory-service}}", "labelSelector: {matchLabels: {app: inventory}}", "inventory-service: its pods are not spread"},
		"budget":              {"06", "minAvailable: 1", "minAvailable: 0", "order-service: its disruption budget"},
		"name of the budget":  {"07", "kind: PodDisruptionBudget\nmetadata:\n  name: notification-service", "kind: PodDisruptionBudget\nmetadata:\n  name: notification", "there is no PodDisruptionBudget notification-service"},
		"autoscaler":          {"08", "maxReplicas: 10", "maxReplicas: 2", "api-gateway: its autoscaler"},
		"update":              {"03", "maxSurge: 1, maxUnavailable: 0", "maxSurge: 0, maxUnavailable: 1", "an old pod may go before"},
		"wait":                {"04", "preStop: {sleep: {seconds: 5}}", "preStop: {sleep: {seconds: 1}}", "does not wait until it has left"},
		"end of the proxy":    {"05", `"terminationDrainDuration": "25s"`, `"terminationDrainDuration": "10s"`, "its proxy ends"},
		"start":               {"06", `"holdApplicationUntilProxyStarts": true`, `"holdApplicationUntilProxyStarts": false`, "start before its proxy"},
		"grace":               {"08", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 20", "killed before it has drained"},
		"token":               {"07", "automountServiceAccountToken: false", "automountServiceAccountToken: true", "token for the API server"},
		"user":                {"03", "runAsUser: 65532", "runAsUser: 0", "may run as root"},
		"account":             {"04", "serviceAccountName: product-service", "serviceAccountName: user-service", `runs as "user-service"`},
		"limit":               {"05", `limits: {cpu: "1", memory: 256Mi,`, `limits: {cpu: "1",`, "no bounds for memory"},
		"probe":               {"06", "          startupProbe:\n            httpGet: {path: /readyz, port: http}\n            periodSeconds: 2\n            failureThreshold: 60\n", "", "order-service lacks a probe"},
		"sampling":            {"07", `OTEL_TRACES_SAMPLER_ARG, value: "0.1"`, `OTEL_TRACES_SAMPLER_ARG, value: "1"`, "OTEL_TRACES_SAMPLER_ARG is not 0.1"},
		"name in traces":      {"08", "OTEL_SERVICE_NAME, value: api-gateway", "OTEL_SERVICE_NAME, value: router", "OTEL_SERVICE_NAME is not api-gateway"},
		"database":            {"06", "@order-postgres:5432/order", "@user-postgres:5432/order", "user-service and order-service share the host user-postgres"},
		"password":            {"06", "change-me-order", "change-me-user", "user-service and order-service share the password"},
		"connections":         {"05", "max_connections=200", "max_connections=100", "inventory-service: its database takes 100 connections, and its replicas open up to 176"},
		"Secret's name":       {"05", "secretKeyRef: {name: inventory-database, key: DATABASE_URL}", "secretKeyRef: {name: user-database, key: DATABASE_URL}", "user-service and inventory-service share"},
		"place of the secret": {"05", "- name: DATABASE_URL\n              valueFrom: {secretKeyRef: {name: inventory-database, key: DATABASE_URL}}", "- {name: DATABASE_URL, value: \"postgres://inventory-postgres\"}", "inventory-service: it has no DATABASE_URL from a Secret"},
	} {
		wrong.noticed(t, name, wrong.read(t).CheckPrograms())
	}
}
