// Command bench measures what a request costs a gateway, in processor time, as a ratio to a floor:
// a program on net/http that sends the same requests to the subgraphs, parses nothing and writes
// a stored response. No gateway on net/http can cost much less.
//
// It starts the subgraphs, the floor, Souk's router and any other gateways as processes on this
// machine, and loads them in turn, in rounds of short slices, so that a ratio compares what ran
// under the same conditions. README.md describes the workloads, the output, and how to put
// another gateway beside them.
//
// main.go is the hub, with the flags. workload.go has the workloads and grid.go all combinations
// of workloads and settings. session.go measures one of them: process.go starts a program,
// load.go sends the requests, and result.go computes and prints ratios.
//
// reload.go measures something else: what reloads of a large supergraph cost the requests meanwhile.
//
// The program runs the other parts from its own executable: subgraphs.go serves the subgraphs, with
// the data of world.go and the executor of execute.go, and floor.go is the floor, which repeats what
// recording.go has recorded.
package main
