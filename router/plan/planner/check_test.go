package planner_test

import (
	"testing"

	"souk/router/operation"
	"souk/router/plan"
)

// check finds out whether a plan is sound.
func check(t testing.TB, c *testCase, op *operation.Operation, p *plan.Plan) {
	t.Helper()
}
