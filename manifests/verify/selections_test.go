package verify

import "testing"

// No pod has two disruption budgets and no Service mixes workloads: in the base, with each
// component, and while a cluster moves to a component or back, when the objects of both exist.
func TestSelectionsAreApart(t *testing.T) {
	base := read(t)
	if err := base.CheckSelections(); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]fault{
		"budget":              {file: "04", old: "minAvailable: 1\n  selector:\n    matchLabels: {app: product-service}", new: "minAvailable: 1\n  selector:\n    matchLabels: {app: user-service}", said: "pod user-service-0 has the PodDisruptionBudgets"},
		"monitoring's budget": {file: "11", old: "minAvailable: 1\n  selector:\n    matchLabels: {app: otel-collector}", new: "minAvailable: 1\n  selector:\n    matchLabels: {version: v1}", said: "PodDisruptionBudget otel-collector selects pods of"},
		"Deployment":          {file: "08", old: "matchLabels: {app: api-gateway, version: v1}", new: "matchLabels: {version: v1}", said: "Deployment api-gateway selects pods of"},
		"Service":             {file: "07", old: "  selector: {app: notification-service}", new: "  selector: {version: v1}", said: "Service notification-service selects pods of"},
	} {
		wrong.noticed(t, name, wrong.read(t).CheckSelections())
	}
	for _, components := range componentSets {
		with := composed(t, components)
		if err := with.CheckSelections(); err != nil {
			t.Errorf("%v: %v", components, err)
		}
		if err := base.with(with).CheckSelections(); err != nil {
			t.Errorf("while the store moves to %v: %v", components, err)
		}
		if err := with.with(base).CheckSelections(); err != nil {
			t.Errorf("while the store moves back from %v: %v", components, err)
		}
	}
	for name, wrong := range map[string]fault{
		"Redis":    {file: "components/redis-sentinel/redis", old: "app: redis-server", new: "app: redis", said: "pod redis-0 has the PodDisruptionBudgets"},
		"Postgres": {file: "components/cloudnative-pg/clusters", old: "app: order-database", new: "app: order-postgres", said: "pod order-postgres-1 has the PodDisruptionBudgets"},
	} {
		component := map[string]string{"Redis": "redis-sentinel", "Postgres": "cloudnative-pg"}[name]
		wrong.noticed(t, name, base.with(wrong.with(t, component)).CheckSelections())
	}
}

func TestBudgetsLetPodsGo(t *testing.T) {
	if err := read(t).CheckBudgets(); err != nil {
		t.Error(err)
	}
	for name, wrong := range map[string]fault{
		"all must stay":  {file: "11", old: "minAvailable: 1\n  selector:\n    matchLabels: {app: otel-collector}", new: "minAvailable: 2\n  selector:\n    matchLabels: {app: otel-collector}", said: "PodDisruptionBudget otel-collector lets none of the 2 pods of otel-collector go"},
		"all of them":    {file: "11", old: "minAvailable: 1\n  selector:\n    matchLabels: {app: otel-collector}", new: "minAvailable: 100%\n  selector:\n    matchLabels: {app: otel-collector}", said: "PodDisruptionBudget otel-collector lets none of the 2 pods of otel-collector go"},
		"more than half": {file: "11", old: "minAvailable: 1\n  selector:\n    matchLabels: {app: otel-collector}", new: "minAvailable: 51%\n  selector:\n    matchLabels: {app: otel-collector}", said: "PodDisruptionBudget otel-collector lets none of the 2 pods of otel-collector go"},
		"none may go":    {file: "11", old: "minAvailable: 1\n  selector:\n    matchLabels: {app: otel-collector}", new: "maxUnavailable: 0%\n  selector:\n    matchLabels: {app: otel-collector}", said: "PodDisruptionBudget otel-collector lets none of the 2 pods of otel-collector go"},
		"no number":      {file: "11", old: "minAvailable: 1\n  selector:\n    matchLabels: {app: otel-collector}", new: "minAvailable: half\n  selector:\n    matchLabels: {app: otel-collector}", said: "PodDisruptionBudget otel-collector: minAvailable: "},
		"scaled":         {file: "08", old: "minAvailable: 1", new: "minAvailable: 2", said: "lets none of the 2 pods of api-gateway go"},
		"no bound":       {file: "11", old: "  minAvailable: 1\n  selector:\n    matchLabels: {app: otel-collector}", new: "  selector:\n    matchLabels: {app: otel-collector}", said: "PodDisruptionBudget otel-collector has neither"},
	} {
		wrong.noticed(t, name, wrong.read(t).CheckBudgets())
	}
	for _, components := range componentSets {
		if err := composed(t, components).CheckBudgets(); err != nil {
			t.Errorf("%v: %v", components, err)
		}
	}
}
