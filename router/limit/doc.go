// Package limit protects the gateway from callers that send too many or too
// expensive requests.
//
// [Rate] runs first in a request. It counts the requests of each caller with the
// generic cell rate algorithm, in Redis for all routers together or, while Redis
// is unavailable, in the process. The gateway answers 429 to requests over the
// limit.
//
// [Estimator] runs between validation and planning. It estimates the cost of an
// operation from the supergraph's @cost and @listSize directives (IBM GraphQL
// Cost Directives specification) and rejects expensive operations. After planning, it
// does so for the requests of a plan to each subgraph ([PlanCost]). It also computes what
// responses cost.
//
// The hubs are rate.go and estimator.go. buckets.go counts in the process, and
// callers.go identifies callers and formats decisions. formula.go computes the
// cost of an operation, with literal.go for argument values and introspection.go
// for introspection fields, plan.go that of the requests of a plan, and meter.go that
// of a response.
package limit
