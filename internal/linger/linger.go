// Package linger closes connections whose clients may still send, without losing the end of what
// has been written to them. linger.go has all of it.
//
// A connection that is closed with unread bytes, or that receives some later, is reset. A client may
// then discard what it has not read, so that it loses the end of its response (RFC 9112, section
// 9.6). So a server first ends its own direction, and reads until the client ends its one.
package linger

import (
	"errors"
	"net"
	"time"
)

// These bound how long a connection lingers. A client that does not send while it waits for so long
// has nothing left to send.
const (
	// Silence is the time without a byte from the client.
	Silence = 500 * time.Millisecond
	// Longest is the time in all.
	Longest = 5 * time.Second
	// Most is the number of bytes that are read and dropped.
	Most = 16 << 20
)

// scratch is the size of the buffer for bytes that are dropped.
const scratch = 4 << 10

// Close ends the server's direction of a connection, reads and drops what the client still sends,
// within bounds, and closes the connection. Nobody else may read from it meanwhile.
func Close(c net.Conn) error {
	wait(c)
	return c.Close()
}

func wait(c net.Conn) {
	end := time.Now().Add(Longest)
	// With TLS, CloseWrite sends a message.
	if c.SetWriteDeadline(time.Now().Add(Silence)) != nil || CloseWrite(c) != nil {
		return
	}
	rest := make([]byte, scratch)
	for total := 0; total < Most; {
		next := time.Now().Add(Silence)
		if next.After(end) {
			next = end
		}
		if c.SetReadDeadline(next) != nil {
			return
		}
		n, err := c.Read(rest)
		if err != nil {
			return
		}
		total += n
	}
}

// CloseWrite ends the server's direction of a connection, of which the client is told at once. The
// error is errors.ErrUnsupported if the connection cannot do that.
func CloseWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
