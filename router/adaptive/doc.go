// Package adaptive limits concurrent work to what a server can do: the limit follows the latency
// of what has ended.
//
// The limit is adjusted after each window of samples, as in the gradient algorithm of Netflix's
// concurrency-limits:
//
//	limit = limit × min(1, tolerance × baseline / latency) + √limit
//
// latency is the median of the window, and baseline that of an idle server. With C workers that
// are busy, latency is baseline × limit / C, so the limit stays at tolerance × C and a little
// more: enough to keep the workers busy, with a short queue. The root lets the limit grow, and
// find more capacity.
//
// The baseline is the lowest median. Since a server can also become slower without a queue, it is
// measured again from time to time while latency is higher, with limit / (2 × tolerance) for one
// window: that is half of the capacity, so nothing waits. Where the lowest limit is above the capacity,
// such a probe goes below it, down to a third. What begins in a probe says nothing about the limit
// behind it.
//
// What the server does not determine must not count as latency: a permit can be restarted when a
// request has arrived, stopped before its response is sent, and dropped.
//
// Work may wait for a permit, briefly: arrivals are random, so that a server with room on average has
// none now and then, and refusing what comes then would leave it idle a moment later. Once a quarter
// of the work is refused, this is no burst, and the wait becomes shorter.
//
// limiter.go has permits, gradient.go the algorithm, queue.go what waits.
package adaptive
