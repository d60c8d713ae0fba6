// Package record keeps statistics and traces of operations in memory, for the console.
//
// The gateway fills an [Operation] for each operation and passes it to [Recorder.End], which
// appends it to one of several buffers. Every 16th operation of a buffer counts those in it,
// unless another one is counting, and a goroutine counts the rest every second. Requests do not
// wait for each other.
//
// Everything is bounded, whatever clients send. The constants in bounds.go say by how much;
// all of it together stays below 30 MB. The operations that occur most have statistics of their
// own, up to a maximum number; all others share one. Documents that differ only in values are
// one operation. Traces are kept of failing and slow operations, of
// the latest of each operation, and of a sample of the others.
//
//	operation.go  what the gateway reports
//	recorder.go   the buffers and the goroutine
//	progress.go   operations in progress
//	bounds.go     all bounds
//	histogram.go  durations
//	window.go     the time that the statistics of a window cover
//	series.go     statistics of one operation, client or subgraph over the last hour
//	timeline.go   statistics of all operations for each second of the last hour
//	table.go      bounded tables of series
//	sketch.go     how often keys without a series occur
//	problems.go   errors by code
//	usage.go      use of fields
//	traces.go     traces
//	history.go    reloads and invalidations
package record
