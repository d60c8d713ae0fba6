package limit

import (
	"fmt"
	"strconv"

	"souk/internal/bytecache"
	"souk/internal/heapsize"
	"souk/router/operation"
	"souk/router/supergraph"
	"souk/router/telemetry"
)

// CostOptions configure an Estimator.
type CostOptions struct {
	// ListSize is the assumed length of lists without @listSize: 10 if zero.
	ListSize int
	// Measure estimates the cost without rejecting operations.
	Measure bool
	// Budget returns the budget of a subgraph. Nil means that there are none. MeasureBudgets
	// does not reject operations because of them.
	Budget         func(subgraph string) Budget
	MeasureBudgets bool
	Metrics        *telemetry.Metrics
}

// An Estimator estimates the cost of operations on a supergraph. It is safe for
// concurrent use.
//
// An object costs 1 and a scalar 0, unless @cost sets another weight. A list costs
// as much as its items, whose number comes from @listSize. For an interface or a
// union, the most expensive possible type counts. A mutation costs 10 in addition.
//
//	{ books(first: 3) { author { name } } }   3 × (1 book + 1 author) = 6
type Estimator struct {
	model   *supergraph.Model
	options CostOptions

	formulas *bytecache.Cache[*operation.Operation, *formula]
}

// MutationCost is the cost of a mutation in addition to its objects.
const MutationCost = 10

const (
	defaultListSize = 10
	// maxFormulaBytes bounds the cached formulas, including the operations they
	// refer to.
	maxFormulaBytes = 8 << 20
)

// formulaSize estimates the memory of a formula and its operation.
var formulaSize = heapsize.NewSizer()

// NewEstimator returns an Estimator for a supergraph.
func NewEstimator(m *supergraph.Model, o CostOptions) *Estimator {
	if o.ListSize == 0 {
		o.ListSize = defaultListSize
	}
	if o.Metrics == nil {
		o.Metrics = telemetry.New(nil)
	}
	return &Estimator{model: m, options: o, formulas: bytecache.New[*operation.Operation, *formula](maxFormulaBytes, bytecache.Observer{})}
}

// Check returns the estimated cost of an operation. The error is an *operation.Error if
// the operation costs more than most, unless that is 0, or if it lacks a slicing argument that
// the schema requires.
func (e *Estimator) Check(op *operation.Operation, vars operation.Variables, most float64) (float64, error) {
	estimated, err := e.formula(op).evaluate(vars)
	if err != nil {
		if e.options.Measure {
			err = nil
		}
		return 0, err
	}
	e.options.Metrics.Limits.Cost.Observe(estimated)
	if most == 0 || estimated <= most {
		return estimated, nil
	}
	if e.options.Measure {
		e.options.Metrics.LimitExceeded(CodeTooCostly).Inc()
		return estimated, nil
	}
	e.options.Metrics.Limits.CostRejected.Inc()
	return estimated, &operation.Error{
		Message: fmt.Sprintf("The operation has an estimated cost of %s; the limit is %s. Request fewer fields or shorter lists.", decimal(estimated), decimal(most)),
		Code:    CodeTooCostly,
	}
}

// Actual returns the cost of the data of a response, with the weights of the estimate.
func (e *Estimator) Actual(op *operation.Operation, data []byte) float64 {
	return e.formula(op).meter.data(data)
}

// decimal formats a cost without an exponent.
func decimal(cost float64) string { return strconv.FormatFloat(cost, 'f', -1, 64) }

// Estimate returns the estimated cost of an operation without checking it against a limit
// and without caching. The error is an *operation.Error if the operation lacks a slicing
// argument that the schema requires.
func (e *Estimator) Estimate(op *operation.Operation, vars operation.Variables) (float64, error) {
	return e.compile(op).evaluate(vars)
}

// formula returns the cached formula of an operation, or compiles it.
func (e *Estimator) formula(op *operation.Operation) *formula {
	if f, ok := e.formulas.Get(op); ok {
		return f
	}
	f := e.compile(op)
	return e.formulas.Put(op, f, formulaSize.Of(op, f))
}
