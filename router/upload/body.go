package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"

	"souk/router/execute"
	"souk/router/internal/jsonscan"
)

var _ execute.Files = (*Request)(nil)

// Of implements execute.Files.
func (q *Request) Of(fetch int, request []byte) (execute.FileBody, error) {
	g := q.group(fetch)
	if g == nil {
		return nil, nil
	}
	paths, err := q.dereference(request)
	if err != nil {
		return nil, err
	}
	text, err := q.mapOf(paths)
	if err != nil {
		return nil, err
	}
	var boundary bytes.Buffer
	return &filesOf{Request: q, group: g, files: text, boundary: multipart.NewWriter(&boundary).Boundary()}, nil
}

// mapOf returns the part map for a subgraph. Its keys are the router's.
func (q *Request) mapOf(paths map[int][]string) ([]byte, error) {
	out := []byte{'{'}
	for i := range q.files {
		if len(paths[i]) == 0 {
			continue
		}
		entry, err := jsonscan.Marshal(map[string][]string{nameOf(i): slices.Compact(paths[i])})
		if err != nil {
			return nil, fmt.Errorf("writing the map of files for a subgraph: %w", err)
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, entry[1:len(entry)-1]...)
	}
	return append(out, '}'), nil
}

// filesOf has the files of one fetch.
type filesOf struct {
	*Request
	group    *group
	files    []byte // the part map
	boundary string
}

// ContentType implements execute.FileBody.
func (f *filesOf) ContentType() string {
	return mime.FormatMediaType("multipart/form-data", map[string]string{"boundary": f.boundary})
}

// Open implements execute.FileBody.
func (f *filesOf) Open(ctx context.Context, operations []byte) io.ReadCloser {
	b := &outgoing{filesOf: f, ctx: ctx}
	b.part("application/json", `form-data; name="operations"`)
	b.pending.Write(operations)
	b.pending.WriteString("\r\n")
	b.part("application/json", `form-data; name="map"`)
	b.pending.Write(f.files)
	b.pending.WriteString("\r\n")
	return b
}

// An outgoing body is read by the HTTP client.
type outgoing struct {
	*filesOf
	ctx     context.Context
	pending bytes.Buffer // to be sent before anything else
	turn    bool         // the fetches before have ended
	inFile  bool
	done    bool
}

func (b *outgoing) part(contentType, disposition string) {
	fmt.Fprintf(&b.pending, "--%s\r\nContent-Disposition: %s\r\nContent-Type: %s\r\n\r\n", b.boundary, disposition, contentType)
}

// Read implements io.Reader.
func (b *outgoing) Read(p []byte) (int, error) {
	for {
		if b.pending.Len() > 0 {
			return b.pending.Read(p)
		}
		if b.done {
			return 0, io.EOF
		}
		if !b.turn {
			if err := b.wait(b.ctx, b.group); err != nil {
				return 0, err
			}
			b.turn = true
		}
		if n, err := b.fromClient(p); n > 0 || err != nil {
			return n, err
		}
	}
}

// fromClient reads from the client's connection: from the current file or, if there is none, the
// header of the next one, which it writes to pending. It writes the end of the body there, too.
func (b *outgoing) fromClient(p []byte) (int, error) {
	b.reading.Lock()
	defer b.reading.Unlock()
	select {
	case <-b.closed: // the subgraph has responded without reading everything
		return 0, context.Canceled
	default:
	}
	n, err := b.advance(p)
	if err != nil {
		return 0, b.fail(err)
	}
	return n, nil
}

func (b *outgoing) advance(p []byte) (int, error) {
	if b.inFile {
		n, err := b.readFile(p)
		if errors.Is(err, io.EOF) {
			b.inFile = false
			b.pending.WriteString("\r\n")
			err = nil
		}
		return n, err
	}
	if b.group.left == 0 {
		if err := b.finish(); err != nil {
			return 0, err
		}
		b.done = true
		fmt.Fprintf(&b.pending, "--%s--\r\n", b.boundary)
		return 0, nil
	}
	part, index, err := b.next(b.group)
	if err != nil {
		return 0, err
	}
	b.inFile = true
	b.part(contentTypeOf(part), fmt.Sprintf(`form-data; name="%s"; filename="%s"`, nameOf(index), filenameOf(part)))
	return 0, nil
}

// Close implements io.Closer.
func (b *outgoing) Close() error { return nil }
