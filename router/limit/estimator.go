package limit

import (
	"fmt"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
	"souk/router/operation"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// CostOptions configure an Estimator.
type CostOptions struct {
	// Max is the highest cost that may be run; 0 for any.
	Max float64
	// ListSize is the length assumed of lists of which nothing tells it: 10
	// if zero.
	ListSize int
	// Measure only measures: nothing is refused.
	Measure bool
	Metrics *telemetry.Metrics
}

// An Estimator says what operations on a supergraph cost. It is safe for
// concurrent use.
//
// An object costs 1 and a scalar 0, unless @cost says otherwise; a list costs
// as much as its items, of which there are as many as @listSize says; of the
// types an interface or union may have, the dearest counts. A mutation costs 10
// by itself.
type Estimator struct {
	model   *supergraph.Model
	options CostOptions

	formulas *bytecache.Cache[*operation.Operation, *formula]
}

// Cost is what answers tell of it, under extensions.cost.
type Cost struct {
	Estimated float64 `json:"estimated"`
	// Max is what is allowed; 0 for any.
	Max float64 `json:"max,omitempty"`
}

const (
	defaultListSize = 10
	mutationCost    = 10
	// maxFormulaBytes bounds the formulas kept, with the operations they keep
	// alive.
	maxFormulaBytes = 8 << 20
)

// formulaSize sizes a formula with the operation it belongs to.
var formulaSize = heapsize.NewSizer()

// NewEstimator makes an Estimator.
func NewEstimator(m *supergraph.Model, o CostOptions) *Estimator {
	if o.ListSize == 0 {
		o.ListSize = defaultListSize
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.New(nil)
	}
	return &Estimator{model: m, options: o, formulas: bytecache.New[*operation.Operation, *formula](maxFormulaBytes, bytecache.Observer{})}
}

// Check estimates an operation. The error is an *operation.Error for one that
// costs too much, or that does not say how long a list may get although its
// schema demands it.
func (e *Estimator) Check(op *operation.Operation, vars operation.Variables) (Cost, error) {
	estimated, err := e.formula(op).evaluate(vars)
	if err != nil {
		if e.options.Measure {
			err = nil
		}
		return Cost{Max: e.options.Max}, err
	}
	cost := Cost{Estimated: estimated, Max: e.options.Max}
	e.options.Metrics.Limits.Cost.Observe(estimated)
	if e.options.Max == 0 || estimated <= e.options.Max || e.options.Measure {
		return cost, nil
	}
	e.options.Metrics.Limits.CostRejected.Inc()
	return cost, &operation.Error{
		Message: fmt.Sprintf("The operation is estimated to cost %g, and at most %g is allowed. Ask for fewer fields or shorter lists.", estimated, e.options.Max),
		Code:    CodeTooCostly,
	}
}

// formula finds or makes the formula of an operation.
func (e *Estimator) formula(op *operation.Operation) *formula {
	if f, ok := e.formulas.Get(op); ok {
		return f
	}
	f := e.compile(op)
	return e.formulas.Put(op, f, formulaSize.Of(op, f))
}
