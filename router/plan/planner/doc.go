// Package planner finds out how an operation can be answered by a
// supergraph's subgraphs with few requests, and makes a plan of it.
//
// It takes an operation.Operation and a supergraph.Model and gives a
// plan.Plan, in five stages:
//
//	walk      what is selected, and the moves by which each can be reached  walk.go, move.go, reach.go
//	choose    of these, those that together cost least                      choose.go
//	place     the moves taken become steps with selections                  place.go, slot.go
//	schedule  steps become as few requests as possible                      schedule.go
//	print     requests become text, and answers get their shape             request.go, project.go
//
// The graph of types and subgraphs is never built: a move knows from the
// model where it can lead. Places are slots: every field of the operation,
// and every field that keys and requirements need, has one place in the tree
// of stored answers, whichever request fills it. Requests, representations
// and the client's answer refer to slots, so that names are given once, at
// the end, and never rewritten.
package planner
