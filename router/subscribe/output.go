package subscribe

import (
	"bufio"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"souk/internal/detach"
)

// An output takes the messages of a stream.
type output interface {
	// send writes the message that compose writes. It fails if the client does not
	// accept it within patience.
	send(patience time.Duration, compose func(*bufio.Writer)) error
	// end ends the response.
	end(patience time.Duration) error
}

const (
	// smallMessage is the size of a write buffer in bytes. A message up to this size
	// takes one write; a larger one is not copied.
	smallMessage = 2 << 10
	// mediumMessage is the same for connections without buffers of their own.
	mediumMessage = 16 << 10
)

// writers and wideWriters have write buffers. An idle stream has none.
var (
	writers     = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, smallMessage) }}
	wideWriters = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, mediumMessage) }}
)

// A response is the output of a stream whose handler is still running.
type response struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newResponse(w http.ResponseWriter) *response {
	return &response{ResponseWriter: w, control: http.NewResponseController(w)}
}

func (r *response) send(patience time.Duration, compose func(*bufio.Writer)) error {
	// Ignore the error: some ResponseWriters, such as those in tests, do not
	// support deadlines.
	_ = r.control.SetWriteDeadline(time.Now().Add(patience))
	out, _ := writers.Get().(*bufio.Writer)
	out.Reset(r.ResponseWriter)
	compose(out) // Flush returns any error
	err := out.Flush()
	out.Reset(nil)
	writers.Put(out)
	if err == nil {
		err = r.control.Flush()
	}
	return err //nolint:wrapcheck // flusher.write says what failed
}

func (*response) end(time.Duration) error { return nil }

// chunks is the output of a stream that has outlived its handler. It goes on with the chunked
// transfer coding that package net/http has begun (RFC 9112, section 7.1).
type chunks struct{ net.Conn }

func newChunks(d *detach.Response) *chunks { return &chunks{d} }

func (c *chunks) send(patience time.Duration, compose func(*bufio.Writer)) error {
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err //nolint:wrapcheck // as above
	}
	out, _ := wideWriters.Get().(*bufio.Writer)
	out.Reset(c)
	compose(out) // Flush returns any error
	err := out.Flush()
	out.Reset(nil)
	wideWriters.Put(out)
	return err //nolint:wrapcheck // as above
}

func (c *chunks) end(patience time.Duration) error {
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err //nolint:wrapcheck // as above
	}
	_, err := c.Conn.Write([]byte("0\r\n\r\n"))
	return err //nolint:wrapcheck // as above
}

// packets has buffers for writes that consist of several parts.
var packets = sync.Pool{New: func() any { b := make([]byte, 0, mediumMessage+32); return &b }}

// Write writes a chunk.
func (c *chunks) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil // an empty chunk would end the response
	}
	head := strconv.AppendUint(make([]byte, 0, 18), uint64(len(b)), 16)
	return len(b), writePieces(c.Conn, append(head, "\r\n"...), b, []byte("\r\n"))
}

// writePieces writes several pieces, with one write if they are small.
func writePieces(to net.Conn, pieces ...[]byte) error {
	packet, _ := packets.Get().(*[]byte)
	defer packets.Put(packet)
	collected := (*packet)[:0]
	for _, piece := range pieces {
		if len(collected)+len(piece) <= cap(collected) {
			collected = append(collected, piece...)
			continue
		}
		for _, part := range [][]byte{collected, piece} {
			if len(part) == 0 {
				continue
			}
			if _, err := to.Write(part); err != nil {
				return err //nolint:wrapcheck // callers say what failed
			}
		}
		collected = collected[:0]
	}
	if len(collected) == 0 {
		return nil
	}
	_, err := to.Write(collected)
	return err //nolint:wrapcheck // as above
}
