package telemetry

import (
	"github.com/prometheus/client_golang/prometheus"

	base "souk/telemetry"
)

// costBuckets are upper bounds of costs.
var costBuckets = []float64{1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 100000}

var (
	costActual = base.Metric{
		Name: "souk_router_cost_actual", Kind: base.Histogram, Buckets: costBuckets,
		Help: "Actual cost of executed operations (demand_control), which is that of the response.",
	}
	subgraphCost = base.Metric{
		Name: "souk_router_subgraph_cost", Kind: base.Histogram, Buckets: costBuckets,
		Help:   "Cost of the requests of an executed operation to a subgraph (demand_control): estimated or actual.",
		Labels: []string{"subgraph", "cost"},
	}
	namedCost = base.Metric{
		Name: "souk_router_named_operation_cost", Kind: base.Histogram, Buckets: costBuckets,
		Help:   "Cost of executed operations by name (demand_control, telemetry.operation_metrics): estimated or actual. Names without time series of their own are counted as _other.",
		Labels: []string{"graphql_operation_name", "cost"},
	}
	clientCost = base.Metric{
		Name: "souk_router_client_operation_cost", Kind: base.Histogram, Buckets: costBuckets,
		Help:   "Cost of executed operations by client (demand_control, telemetry.client_metrics): estimated or actual. Clients without time series of their own are counted as _other.",
		Labels: []string{"client_name", "client_version", "cost"},
	}
)

// The values of the label cost.
const (
	estimated = "estimated"
	actual    = "actual"
)

// Costs observe the estimated and the actual cost of the same operations.
type Costs struct{ Estimated, Actual prometheus.Observer }

func costsOf(h *prometheus.HistogramVec, labels ...string) Costs {
	return Costs{h.WithLabelValues(append(labels, estimated)...), h.WithLabelValues(append(labels, actual)...)}
}

// SubgraphCost observes the cost of the requests of an operation to a subgraph of the supergraph.
func (m *Metrics) SubgraphCost(name string) Costs { return m.subgraphCosts.Get(name) }

// NamedCost observes the cost of operations by name.
func (m *Metrics) NamedCost(name string) Costs {
	return costsOf(m.named.operationCosts, m.named.names.label(chosen{name: name}).name)
}

// ClientCost observes the cost of operations by client.
func (m *Metrics) ClientCost(name, version string) Costs {
	c := m.named.byClient.label(chosen{name, version})
	return costsOf(m.named.clientCosts, c.name, c.version)
}
