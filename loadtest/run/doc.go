// Command run puts the store under load and says how it fared.
//
// It starts the whole store on free ports with data of its own, runs the mixed
// k6 script against it for a bounded time, and prints requests per second,
// latencies, errors and how often the router's entity cache had the answer.
// summary.json and summary.html go to loadtest/results.
//
// With -chaos Redis, every service and Postgres are killed and started again
// in turn meanwhile, and an audit follows that reads the databases, the inbox
// and the router: nothing is oversold, every accepted order is there with its
// events, its customer was told once, and the cache says what the database
// says.
//
// RATE (visits a second at the peak) and DURATION (of the peak) shape the
// load. K6 names the k6 program; else the one on PATH is used, else it is
// built from the Go module.
package main
