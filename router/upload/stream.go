package upload

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"sync"
	"time"
)

// A Request is a multipart request whose files are still to be read. Its methods are safe for
// concurrent use after Assign.
type Request struct {
	// Operations is the part operations, as the client has sent it.
	Operations []byte

	limits   Limits
	textLeft int  // how much of limits.TextBytes is left
	mapped   bool // the part map has been read
	deadline time.Time
	prefix   string // of references
	files    []file // in the order of the part map
	byKey    map[string]int
	groups   []*group // in the order in which their files arrive

	reading sync.Mutex // held while the client's connection is read
	source  *headReader
	parts   *multipart.Reader
	part    *multipart.Part
	read    int64 // bytes of all files
	size    int64 // bytes of part
	got     int   // number of files that have been read

	mu     sync.Mutex
	err    *Error // the first one
	closed chan struct{}
	close  sync.Once
}

// A file is an entry of the part map.
type file struct {
	key   string
	paths []string
	fetch int // the fetch that sends it
	taken bool
}

// unassigned is the fetch of a file that no request to a subgraph sends.
const unassigned = -1

// A group is the files of one fetch.
type group struct {
	fetch int
	left  int // files to read
	ended chan struct{}
	end   sync.Once
	after *group
}

// Bytes returns how many bytes of files have been read.
func (q *Request) Bytes() int64 {
	q.reading.Lock()
	defer q.reading.Unlock()
	return q.read
}

// Deadline is when the whole request must have arrived.
func (q *Request) Deadline() time.Time { return q.deadline }

// Assign says that a fetch sends a file. Fetches are numbered in the order in which they are
// executed.
func (q *Request) Assign(index, fetch int) error {
	f := &q.files[index]
	if f.fetch != unassigned && f.fetch != fetch {
		return fault(http.StatusUnprocessableEntity, "The file %.100q is needed by two requests to subgraphs. Send it once for each, with a variable of its own.", f.key)
	}
	f.fetch = fetch
	return nil
}

// Arrange checks the order of the files, after all have been assigned.
func (q *Request) Arrange() error {
	var last *group
	for _, f := range q.files {
		switch {
		case f.fetch == unassigned:
		case last != nil && f.fetch < last.fetch:
			return fault(http.StatusUnprocessableEntity, "The file %.100q is needed before files that precede it in the part map. Send files in the order in which the operation uses them.", f.key)
		case last == nil || last.fetch != f.fetch:
			last = &group{fetch: f.fetch, ended: make(chan struct{}), after: last}
			q.groups = append(q.groups, last)
			fallthrough
		default:
			last.left++
		}
	}
	return nil
}

func (q *Request) group(fetch int) *group {
	for _, g := range q.groups {
		if g.fetch == fetch {
			return g
		}
	}
	return nil
}

// Has reports whether a fetch sends files.
func (q *Request) Has(fetch int) bool { return q.group(fetch) != nil }

// Ended says that a fetch has ended, whether or not it has sent its files.
func (q *Request) Ended(fetch int) {
	if g := q.group(fetch); g != nil {
		g.end.Do(func() { close(g.ended) })
	}
}

// Failed returns why the client's files cannot be used, or nil.
func (q *Request) Failed() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		return nil
	}
	return q.err
}

// fail keeps the first error.
func (q *Request) fail(err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = explain(err)
	}
	return q.err
}

// Close ends the use of the client's connection. interrupt must end a read that is in progress.
func (q *Request) Close(interrupt func()) {
	q.close.Do(func() { close(q.closed) })
	if !q.reading.TryLock() {
		interrupt()
		q.reading.Lock()
	}
	q.reading.Unlock()
}

// wait waits until the fetches before g have ended.
func (q *Request) wait(ctx context.Context, g *group) error {
	if g.after == nil {
		return nil
	}
	select {
	case <-g.after.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-q.closed:
		return context.Canceled
	}
}

// next moves to the next file of a group. It skips files that nothing needs any more.
func (q *Request) next(g *group) (*multipart.Part, int, error) {
	for {
		if err := q.skip(); err != nil {
			return nil, 0, err
		}
		part, err := q.nextPart()
		if errors.Is(err, io.EOF) {
			return nil, 0, malformed("The multipart request has no file for the entry %.100q of the part map.", q.missing())
		}
		if err != nil {
			return nil, 0, err
		}
		index, ok := q.byKey[part.FormName()]
		switch {
		case !ok:
			return nil, 0, malformed("The part map has no entry for the file %.100q.", part.FormName())
		case q.files[index].taken:
			return nil, 0, malformed("The multipart request has the file %.100q twice.", part.FormName())
		}
		f := &q.files[index]
		f.taken, q.part, q.size = true, part, 0
		q.got++
		if f.fetch == g.fetch {
			g.left--
			return part, index, nil
		}
		if f.fetch > g.fetch {
			return nil, 0, malformed("The file %.100q was sent too early. Send files in the order of the part map.", f.key)
		}
	}
}

// missing returns the key of the first file that has not arrived.
func (q *Request) missing() string {
	for _, f := range q.files {
		if !f.taken {
			return f.key
		}
	}
	return ""
}

// finish checks that nothing follows the last file.
func (q *Request) finish() error {
	if q.got < len(q.files) {
		return nil // others may read the rest
	}
	part, err := q.nextPart()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return malformed("The part map has no entry for the file %.100q.", part.FormName())
}

// skip reads the rest of the current file.
func (q *Request) skip() error {
	for q.part != nil {
		if _, err := q.readFile(make([]byte, 4<<10)); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// readFile reads from the current file, within the limits. At the end, there is no current file.
func (q *Request) readFile(b []byte) (int, error) {
	n, err := q.part.Read(b)
	q.size += int64(n)
	q.read += int64(n)
	switch {
	case q.size > q.limits.FileBytes:
		return 0, fault(http.StatusRequestEntityTooLarge, "The file %.100q is longer than %d bytes.", q.part.FormName(), q.limits.FileBytes)
	case q.read > q.limits.TotalBytes:
		return 0, fault(http.StatusRequestEntityTooLarge, "The files are together longer than %d bytes.", q.limits.TotalBytes)
	case errors.Is(err, io.EOF):
		q.part = nil
	}
	return n, err
}

// headBytes bounds the header of a part, with what package multipart reads ahead.
const headBytes = 16 << 10

var errHead = errors.New("the header of a part is too long")

// nextPart reads the header of the next part.
func (q *Request) nextPart() (*multipart.Part, error) {
	q.source.left, q.source.bounded = headBytes, true
	defer func() { q.source.bounded = false }()
	part, err := q.parts.NextPart()
	if errors.Is(err, io.EOF) && err != io.EOF { //nolint:errorlint // only an EOF that is not wrapped means that the final boundary has been read
		return nil, io.ErrUnexpectedEOF
	}
	return part, err
}

// A headReader bounds how much is read while it is bounded: package multipart accepts headers of
// 10 MB.
type headReader struct {
	r       io.Reader
	bounded bool
	left    int
}

// Read implements io.Reader.
func (h *headReader) Read(b []byte) (int, error) {
	if !h.bounded {
		return h.r.Read(b)
	}
	if h.left <= 0 {
		return 0, errHead
	}
	n, err := h.r.Read(b[:min(len(b), h.left)])
	h.left -= n
	return n, err
}
