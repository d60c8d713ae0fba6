// Package admission decides which requests of a service run, which wait and
// which are refused, so that a service that gets more than it can do goes on
// doing what it can.
//
// A [Gate] lets a number of requests run at a time. The others wait briefly:
// the oldest runs next, as long as the queue is empty now and then. If it has
// not been for a while, the service is overloaded; then the newest runs next,
// because its caller is the most likely to be still there in time, and those
// that have waited longer than a moment are refused (as in CoDel with adaptive
// LIFO). A request whose deadline the queue would exceed is refused at once.
//
// Requests of the store's other services belong to something that has begun, such
// as an order whose units are to be sold. They do not wait behind new ones: for
// them there is a reserve. So two services that call each other cannot wait for
// each other either.
//
// gate.go is the gate, http.go puts it in front of a handler, metrics.go counts.
// A request comes from package server.
package admission
