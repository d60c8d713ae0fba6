package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"

	"souk/router/execute"
	"souk/router/limit"
	"souk/router/operation"
	"souk/router/telemetry"
)

// A demand is what an operation costs, and may cost. It is nil without demand control.
type demand struct {
	estimated, max float64
	// bySubgraph has the estimated costs of the requests, in the order of plan.
	bySubgraph []float64
	plan       *limit.PlanCost
	// actual are the costs of the last response. They are not known of a response in parts,
	// and those by subgraph not of a subscription.
	actual           float64
	actualBySubgraph []float64
	known            bool
}

// demands reports whether costs are computed beyond an estimate.
func (gw *Gateway) demands() bool { return gw.options.Demand != nil && gw.config.DemandControl.Enabled }

// estimate checks the estimated cost of an operation, and whether its caller may spend it.
func (x *exchange) estimate(p *prepared) error {
	estimator := x.snapshot.demand
	if estimator == nil {
		return nil
	}
	most := x.maxCost()
	cost, err := estimator.Check(p.op, p.vars, most)
	if x.seen != nil {
		x.seen.Cost = cost
	}
	if err != nil {
		return err
	}
	if x.demands() {
		p.demand = &demand{estimated: cost, max: most}
	}
	if x.options.Spend == nil {
		return nil
	}
	header := x.rest
	if header == nil {
		header = x.header()
	}
	if refused := x.options.Spend(x.r, header, cost); refused != nil {
		return refused
	}
	return nil
}

// checkBudgets checks the estimated costs of a planned operation for each subgraph.
func (x *exchange) checkBudgets(p *prepared) error {
	d := p.demand
	if d == nil {
		return nil
	}
	d.plan = p.program.Cost
	d.bySubgraph = d.plan.Estimate(p.vars)
	return x.snapshot.demand.CheckPlan(d.plan, d.bySubgraph)
}

// measure computes the costs of a response.
func (d *demand) measure(estimator *limit.Estimator, op *operation.Operation, data []byte, fetches []execute.FetchStatistics) {
	if data == nil {
		return
	}
	d.actual, d.known = estimator.Actual(op, data), true
	if op.Kind == operation.Subscription {
		return
	}
	d.actualBySubgraph = make([]float64, len(d.bySubgraph))
	for i := range fetches {
		d.actualBySubgraph[d.plan.Subgraph(fetches[i].Subgraph)] += fetches[i].Cost
	}
}

// observe records the costs of an executed operation.
func (x *exchange) observe(p *prepared) {
	d := p.demand
	if d == nil || !d.known {
		return
	}
	if x.seen != nil {
		x.seen.Actual = d.actual
	}
	x.metrics.Limits.ActualCost.Observe(d.actual)
	record := func(c telemetry.Costs, estimated, actual float64) {
		c.Estimated.Observe(estimated)
		c.Actual.Observe(actual)
	}
	for i, name := range d.plan.Subgraphs() {
		record(x.metrics.SubgraphCost(name), d.bySubgraph[i], d.actualBySubgraph[i])
	}
	if x.metrics.ByOperation() {
		record(x.metrics.NamedCost(p.op.Name), d.estimated, d.actual)
	}
	if x.metrics.ByClient() {
		name, version := x.client()
		record(x.metrics.ClientCost(name, version), d.estimated, d.actual)
	}
}

// A cost is the value of extensions.cost.
type cost struct {
	Estimated float64         `json:"estimated"`
	Actual    *float64        `json:"actual,omitempty"`
	Max       float64         `json:"max,omitempty"` // none if it is absent
	Subgraphs map[string]cost `json:"subgraphs,omitempty"`
}

// json returns the costs for the client.
func (d *demand) json() json.RawMessage {
	out := cost{Estimated: d.estimated, Max: d.max, Subgraphs: map[string]cost{}}
	if d.known {
		out.Actual = &d.actual
	}
	for i, name := range d.plan.Subgraphs() {
		one := cost{Estimated: d.bySubgraph[i], Max: d.plan.Max(i)}
		if d.actualBySubgraph != nil {
			one.Actual = &d.actualBySubgraph[i]
		}
		out.Subgraphs[name] = one
	}
	text, err := json.Marshal(out)
	if err != nil { // unreachable: every cost is a finite number
		return nil
	}
	return text
}

// costHeader is the header of REST responses with the costs of the operation, which GraphQL
// responses have in extensions.cost. It is a dictionary (RFC 9651, section 3.2).
const costHeader = "Souk-Cost"

// addCost adds the costs to the header of a REST response, if clients may see them.
func (x *exchange) addCost(h http.Header, p *prepared) {
	d := p.demand
	if d == nil || !x.config.DemandControl.Expose {
		return
	}
	value := "estimated=" + number(d.estimated)
	if d.known {
		value += ", actual=" + number(d.actual)
	}
	if d.max > 0 {
		value += ", max=" + number(d.max)
	}
	h[costHeader] = []string{value}
}

// number writes a cost with at most three decimals (RFC 9651, section 3.3.2).
func number(cost float64) string {
	return strconv.FormatFloat(float64(int64(cost*1000+0.5))/1000, 'f', -1, 64)
}
