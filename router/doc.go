// Package router puts the stages of the gateway together: from a configuration
// it makes the transport to the subgraphs, the entity cache, authentication,
// limits, the REST routes and the telemetry, hands them to package gateway, and
// serves the result on its two ports. It is what `souk router` is.
//
// A request's way is in the packages below: gateway reads it, auth and limit
// say whether it may go on, operation parses and validates it, plan finds the
// requests that answer it, execute sends them through cache and subgraph and
// writes the answer; rest and subscribe are other ways in and out.
package router
