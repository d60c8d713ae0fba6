// Package bench measures the reads of a store for the benchmarks of packages
// subgraphs and dev: the time on the wall and that of the processor, as median
// and 95th percentile.
//
// measure.go is the hub. clock.go reads processor times, and store.go has the
// size of the store and the searches.
package bench
