// Package rawsocket reads and writes sockets without telling the scheduler of the Go runtime.
//
// The runtime expects that a system call may block: it notes each, and if one has not returned when
// it looks again, after 20 µs at first, other threads take over the goroutines that wait. Sockets
// of Go do not block, but sending to a server on the same machine takes nearly as long, and a busy
// processor may be taken away meanwhile. Then threads hand over to each other all the time, which
// costs more than anything that they could do.
//
// The functions do not wait: they fail with syscall.EAGAIN instead.
//
//   - conn.go: connections that use them
//   - calls_linux.go, calls_unix.go: the system calls, and those of other systems
//   - conn_other.go: other systems
package rawsocket
