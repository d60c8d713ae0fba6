// Package limit keeps callers from asking for more than the gateway can give.
//
// It stands before the stages that cost something. Rate, around everything,
// counts requests of each caller (a generic cell rate algorithm in Redis, shared
// by all routers, or in the process while Redis is away) and answers 429 to
// those that come too often. Estimator, between validation and planning, says
// what an operation costs by the supergraph's @cost and @listSize (IBM's GraphQL
// Cost Directives specification) and refuses what costs too much.
package limit
