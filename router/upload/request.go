package upload

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"time"

	"souk/internal/memory"
	"souk/router/internal/body"
	"souk/router/internal/jsonscan"
)

// Limits bound a multipart request.
type Limits struct {
	// Files is the maximum number of files.
	Files int
	// FileBytes and TotalBytes bound the size of a file and that of all files.
	FileBytes, TotalBytes int64
	// TextBytes bounds the parts operations and map together; 0 means no limit.
	TextBytes int
	// Timeout is how long the request may take to arrive.
	Timeout time.Duration
}

// An Error is the reason why a request is refused.
type Error struct {
	// Status is the HTTP status: 400, 408, 413, 422 or 503.
	Status int
	// Message is for the client.
	Message string
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

func fault(status int, format string, args ...any) *Error {
	return &Error{Status: status, Message: fmt.Sprintf(format, args...)}
}

func malformed(format string, args ...any) *Error {
	return fault(http.StatusBadRequest, format, args...)
}

// Bytes returns the maximum size of a request body.
func (l Limits) Bytes() int64 {
	return l.TotalBytes + int64(l.TextBytes) + int64(l.Files+3)*headBytes
}

// Read reads the part operations of a multipart request, and nothing after it: what follows is
// for an operation that is allowed. It charges the text to the lease. The caller must call Close
// of the Request before it returns from the HTTP handler. Errors are of type *Error.
func Read(ctx context.Context, r io.Reader, boundary string, limits Limits, lease *memory.Lease) (*Request, error) {
	source := &headReader{r: r}
	q := &Request{
		limits: limits, deadline: time.Now().Add(limits.Timeout), prefix: "souk-file-" + rand.Text() + "-",
		source: source, parts: multipart.NewReader(source, boundary), byKey: map[string]int{}, closed: make(chan struct{}),
	}
	q.textLeft = limits.TextBytes
	text, err := q.text(ctx, "operations", lease)
	if err != nil {
		return nil, err
	}
	if q.Operations = bytes.TrimSpace(text); bytes.HasPrefix(q.Operations, []byte{'['}) {
		return nil, fault(http.StatusUnprocessableEntity, "A batch cannot have files. Send each operation as a request of its own.")
	}
	return q, nil
}

// Map reads the part map, up to the first file. It returns the variables of the operation with
// references in the place of files. It charges the text to the lease. Errors are of type *Error.
func (q *Request) Map(ctx context.Context, variables []byte, lease *memory.Lease) ([]byte, error) {
	text, err := q.text(ctx, "map", lease)
	if err != nil {
		return nil, err
	}
	if err := q.readMap(text); err != nil {
		return nil, err
	}
	out, err := q.refer(variables)
	q.mapped = err == nil
	return out, err
}

// Mapped reports whether Map has read which variables have files.
func (q *Request) Mapped() bool { return q.mapped }

// text reads the part with a name.
func (q *Request) text(ctx context.Context, name string, lease *memory.Lease) ([]byte, error) {
	part, err := q.nextPart()
	switch {
	case errors.Is(err, io.EOF):
		return nil, malformed("The multipart request has no part named %s.", name)
	case err != nil:
		return nil, explain(err)
	case part.FormName() != name:
		return nil, malformed("A part of the multipart request is named %q where %s was expected. The order is operations, map, files.", part.FormName(), name)
	}
	var from io.Reader = part
	if q.limits.TextBytes > 0 {
		from = io.LimitReader(part, int64(q.textLeft)+1)
	}
	out, err := io.ReadAll(body.Charge(ctx, from, lease))
	if err != nil {
		return nil, explain(err)
	}
	if q.textLeft -= len(out); q.limits.TextBytes > 0 && q.textLeft < 0 {
		return nil, fault(http.StatusRequestEntityTooLarge, "The parts operations and map are longer than %d bytes.", q.limits.TextBytes)
	}
	return out, nil
}

// readMap reads the part map: {"0": ["variables.file"]}.
func (q *Request) readMap(text []byte) error {
	r := jsonscan.NewReader(text, jsonscan.MaxDepth)
	if r.Peek() != '{' {
		return malformed("The part map must be a JSON object, such as {\"0\": [\"variables.file\"]}.")
	}
	err := r.Object(func(name []byte) error {
		key := string(name)
		if _, twice := q.byKey[key]; twice {
			return malformed("The part map has the entry %.100q twice.", key)
		}
		if r.Peek() != '[' {
			return malformed("The entry %.100q of the part map must be a list of paths, such as [\"variables.file\"].", key)
		}
		q.byKey[key] = len(q.files)
		q.files = append(q.files, file{key: key, fetch: unassigned})
		if len(q.files) > q.limits.Files {
			return fault(http.StatusRequestEntityTooLarge, "The request has more than %d files.", q.limits.Files)
		}
		return r.Array(func(i int) error {
			path, err := r.Value()
			if err == nil && path[0] != '"' {
				return malformed("The entry %.100q of the part map must be a list of paths, such as [\"variables.file\"].", key)
			}
			if err == nil && i == maxPlaces {
				return malformed("The entry %.100q of the part map has more than %d paths.", key, maxPlaces)
			}
			if err == nil {
				q.files[len(q.files)-1].paths = append(q.files[len(q.files)-1].paths, string(jsonscan.Text(path)))
			}
			return err
		})
	})
	if err == nil {
		err = r.End()
	}
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		return malformed("The part map is not valid JSON: %v.", err)
	}
	return err
}

// explain returns the Error for an error of the client's connection.
func explain(err error) *Error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, errHead):
		return malformed("The header of a part is longer than %d bytes.", headBytes)
	case errors.Is(err, memory.ErrExhausted):
		return fault(http.StatusServiceUnavailable, "The router is reading as many request bodies as its memory allows. Try again in 1 s.")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return fault(http.StatusRequestTimeout, "The files did not arrive in time.")
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.Canceled):
		return malformed("The multipart request ended early.")
	}
	return malformed("The multipart request cannot be read: %.200s.", err)
}
