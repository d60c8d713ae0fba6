package http1

import (
	"net"
	"strconv"
	"sync"
)

// maxGathered is how many bytes of a response are copied behind its head, so that one system call
// sends both. A longer body is sent beside the head without a copy.
const maxGathered = 16 << 10

// An output is what is to be sent.
type output struct {
	b       []byte
	names   []string
	buffers net.Buffers
	pair    [2][]byte
}

var outputs = sync.Pool{New: func() any { return &output{b: make([]byte, 0, firstBuffer)} }}

// output returns the output of the response. It takes one from the pool if the response has none.
func (x *exchange) output() *output {
	if x.out == nil {
		x.out = outputs.Get().(*output)
	}
	return x.out
}

// A vectored connection writes two byte slices with one system call.
type vectored interface {
	WriteTwo(first, second []byte) (int, error)
}

// flush sends the output.
func (x *exchange) flush() error { return x.send(nil) }

// send sends the output, and p behind it.
func (x *exchange) send(p []byte) error {
	o := x.out
	x.out = nil
	if o != nil {
		defer func() {
			if cap(o.b) <= 2*maxGathered {
				o.b = o.b[:0]
				outputs.Put(o)
			}
		}()
	}
	if x.err != nil {
		return x.err
	}
	var err error
	v, both := x.conn.rwc.(vectored)
	switch {
	case o == nil || len(o.b) == 0:
		if len(p) > 0 {
			_, err = x.conn.rwc.Write(p)
		}
	case len(p) == 0:
		_, err = x.conn.rwc.Write(o.b)
	case both:
		_, err = v.WriteTwo(o.b, p)
	default:
		o.pair = [2][]byte{o.b, p}
		o.buffers = o.pair[:]
		_, err = o.buffers.WriteTo(x.conn.rwc)
		o.pair = [2][]byte{}
	}
	if err != nil {
		x.err = err
		x.conn.context.Cancel() // as net/http
	}
	return err
}

// writePending writes the beginning of the body behind the head.
func (x *exchange) writePending() {
	if len(x.pending) > 0 {
		_ = x.writeBody(x.pending) // kept in x.err
		x.pending = nil
	}
}

// writeBody writes a part of the body.
func (x *exchange) writeBody(p []byte) error {
	if x.head {
		return x.err
	}
	o := x.output()
	if x.chunked {
		o.b = append(strconv.AppendInt(o.b, int64(len(p)), 16), "\r\n"...)
	}
	if len(o.b)+len(p) > maxGathered {
		if err := x.send(p); err != nil {
			return err
		}
	} else {
		o.b = append(o.b, p...)
	}
	if x.chunked {
		o = x.output()
		o.b = append(o.b, "\r\n"...)
	}
	return x.err
}
