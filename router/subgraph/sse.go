package subgraph

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"souk/router/execute"
)

// overSSE runs one stream of server-sent events (HTML Standard, section 9.2) in the distinct
// connections mode of GraphQL over SSE: "next" events carry responses, and "complete" ends
// the stream.
func (st *stream) overSSE(ctx context.Context) error {
	// Canceling the context closes the connection when the stream ends.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, httpURL(st.to.stream), bytes.NewReader(st.body))
	if err != nil {
		return &execute.TransportError{Code: execute.CodeHTTP, Message: "has no usable URL for subscriptions", Err: err}
	}
	request.Header = st.header.Clone()
	request.Header.Set("Accept", "text/event-stream")
	if st.lastEventID != "" {
		request.Header.Set("Last-Event-ID", st.lastEventID)
	}
	late := time.AfterFunc(st.s.Subscriptions.ConnectTimeout, func() { cancel(context.DeadlineExceeded) })
	defer late.Stop()
	response, err := st.to.streams.RoundTrip(request)
	if err != nil {
		return lost(errors.Join(err, context.Cause(ctx)))
	}
	defer response.Body.Close()
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	switch {
	case response.StatusCode == http.StatusNoContent && st.established:
		return nil // 204 tells a client to stop reconnecting (HTML Standard, section 9.2.3)
	case response.StatusCode != http.StatusOK || media != "text/event-stream":
		return st.refusedStream(response)
	}
	late.Stop()
	st.accept(ctx)
	return st.readSSE(response.Body)
}

// A lineSplitter splits an event stream into lines, which end in CR LF, LF or CR (HTML
// Standard, section 9.2.5). It skips a byte order mark at the beginning.
type lineSplitter struct {
	begun bool
	// cr is set if the last line ended in CR. That line is returned at once, because a
	// following LF may arrive much later, with the next event.
	cr bool
}

// split is a [bufio.SplitFunc].
func (s *lineSplitter) split(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if !s.begun {
		if len(data) < len(byteOrderMark) && bytes.HasPrefix(byteOrderMark, data) && !atEOF {
			return 0, nil, nil
		}
		s.begun = true
		if bytes.HasPrefix(data, byteOrderMark) {
			advance = len(byteOrderMark)
		}
	}
	if s.cr && advance < len(data) {
		s.cr = false
		if data[advance] == '\n' {
			advance++
		}
	}
	rest := data[advance:]
	end := bytes.IndexByte(rest, '\n')
	until := rest
	if end >= 0 {
		until = rest[:end]
	}
	if cr := bytes.IndexByte(until, '\r'); cr >= 0 {
		end = cr
	}
	if end < 0 {
		if !atEOF || len(rest) == 0 {
			return advance, nil, nil
		}
		return len(data), rest, nil
	}
	s.cr = rest[end] == '\r'
	return advance + end + 1, rest[:end], nil
}

// An eventReader parses server-sent events.
type eventReader struct {
	lines *bufio.Scanner
	limit int
	name  string
	data  []byte
	id    string
	retry time.Duration
	// pending is set if a part of an event has been read.
	pending bool
}

// next reads the next event. It reports false at the end of the stream, with an error unless
// the stream ended between two events.
func (r *eventReader) next() (bool, error) {
	r.name, r.data, r.pending = "", r.data[:0], false
	for r.lines.Scan() {
		line := r.lines.Bytes()
		if len(line) == 0 {
			return true, nil
		}
		r.field(line)
		if len(r.data) > r.limit {
			return false, r.tooLong()
		}
	}
	err := r.lines.Err()
	switch {
	case errors.Is(err, bufio.ErrTooLong):
		return false, r.tooLong()
	case err != nil:
		return false, lost(err)
	case r.pending:
		return false, lost(io.ErrUnexpectedEOF)
	}
	return false, nil
}

func (r *eventReader) field(line []byte) {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		r.name, r.pending = string(value), true
	case "data":
		if len(r.data) > 0 {
			r.data = append(r.data, '\n')
		}
		r.data, r.pending = append(r.data, value...), true
	case "id":
		if len(value) <= maxEventID && !bytes.ContainsRune(value, 0) {
			r.id = string(value)
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
			r.retry = time.Duration(ms) * time.Millisecond
		}
	}
}

// maxEventID bounds the length of Last-Event-ID, in bytes.
const maxEventID = 1024

func (r *eventReader) tooLong() error {
	return &execute.TransportError{Code: execute.CodeHTTP, Message: fmt.Sprintf("sent an event of more than %d bytes", r.limit)}
}

// readSSE passes events on until the stream is complete. If the response ends normally
// without a complete event, the subgraph has ended the stream. Reopening it could repeat all
// events, so that is an error unless the events have IDs.
func (st *stream) readSSE(body io.Reader) error {
	r := eventReader{lines: bufio.NewScanner(body), limit: st.s.MaxResponseBytes, id: st.lastEventID}
	r.lines.Buffer(nil, st.s.MaxResponseBytes)
	r.lines.Split(new(lineSplitter).split)
	for {
		more, err := r.next()
		if err != nil {
			return err
		}
		if !more {
			if st.lastEventID != "" {
				return lost(io.ErrUnexpectedEOF)
			}
			return &execute.TransportError{Code: execute.CodeHTTP, Message: "ended the subscription without completing it"}
		}
		st.retryAfter = min(r.retry, st.s.Subscriptions.MaxInterval)
		switch {
		case r.name == "complete":
			return nil
		case len(r.data) > 0 && (r.name == "next" || r.name == "" || r.name == "message"):
			if err := st.receive(r.data); err != nil {
				return err
			}
		}
		st.lastEventID = r.id
	}
}

// httpURL replaces the scheme ws or wss with http or https.
func httpURL(u string) string {
	if rest, ok := strings.CutPrefix(u, "ws"); ok {
		return "http" + rest
	}
	return u
}
