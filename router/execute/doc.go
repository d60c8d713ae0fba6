// Package execute answers operations by their plans.
//
// [Compile] turns a plan (package plan) into a [Program], once for each plan;
// an [Executor] runs programs: it sends the requests to the subgraphs through
// a [Transport], as soon as what each depends on is there, stores what they
// answer in one tree, builds representations of entities from it, and writes
// the client's answer, with its errors, into one buffer.
//
// It stands behind operation and plan, and before the subgraphs.
package execute
