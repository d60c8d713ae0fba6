package execute

import "souk/router/plan"

// Compile prepares a plan for execution by any executor.
func Compile(p *plan.Plan) (*Program, error) {
	return compile(p, new(layout), new(declaredTypes), true)
}
