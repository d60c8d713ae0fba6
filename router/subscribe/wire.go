package subscribe

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// A wire is the connection below a WebSocket. The library writes control frames to it, each
// with one call of Write, and messages are written past the library: it would keep a buffer
// for each connection, and a timer for each write.
type wire struct {
	net.Conn

	mu     sync.Mutex
	closed bool // a close frame was written, after which nothing may follow
}

// The first byte of a frame (RFC 6455, section 5.2).
const (
	opcodeBits  = 0x0f
	opcodeClose = 0x8
	finalText   = 0x80 | 0x1
)

// Write writes a control frame.
func (w *wire) Write(frame []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(frame) > 0 && frame[0]&opcodeBits == opcodeClose {
		w.closed = true
	}
	if err := w.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return 0, err //nolint:wrapcheck // a writer passes errors on
	}
	return w.Conn.Write(frame) //nolint:wrapcheck // as above
}

// message writes a text message, which is passed in pieces. If the client does not accept it
// within patience, the connection is closed.
func (w *wire) message(pieces ...[]byte) error {
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	head := make([]byte, 0, 10)
	switch {
	case size <= 125:
		head = append(head, finalText, byte(size))
	case size <= 0xffff:
		head = binary.BigEndian.AppendUint16(append(head, finalText, 126), uint16(size))
	default:
		head = binary.BigEndian.AppendUint64(append(head, finalText, 127), uint64(size))
	}
	all := make([][]byte, 0, 6)
	all = append(append(all, head), pieces...)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return net.ErrClosed
	}
	err := w.SetWriteDeadline(time.Now().Add(patience))
	if err == nil {
		err = writePieces(w.Conn, all...)
	}
	if err != nil {
		_ = w.Close() // a part of the frame may be missing
	}
	return err //nolint:wrapcheck // callers say what failed
}
