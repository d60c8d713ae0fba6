package canary

import (
	"errors"
	"io"
	"net/http"

	"souk/router/internal/body"
)

// A capturedBody is a request body that keeps what is read of it, up to a limit.
type capturedBody struct {
	io.ReadCloser
	kept  []byte
	limit int
	ended bool // the body has been read to its end, and is complete in kept
	over  bool
}

func (b *capturedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if !b.over {
		if len(b.kept)+n > b.limit {
			b.over, b.kept = true, nil
		} else {
			b.kept = append(b.kept, p[:n]...)
		}
	}
	b.ended = b.ended || errors.Is(err, io.EOF)
	return n, err
}

// A capturedResponse keeps what is written to the client, up to a limit.
type capturedResponse struct {
	http.ResponseWriter
	status int
	kept   []byte
	limit  int
	over   bool
}

// WriteHeader implements http.ResponseWriter.
func (w *capturedResponse) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *capturedResponse) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	switch {
	case w.over:
	case len(w.kept)+len(b) > w.limit:
		w.over, w.kept = true, nil
	default:
		w.kept = append(w.kept, b...)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap returns the writer for [http.ResponseController].
func (w *capturedResponse) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var errTooLong = errors.New("the response is too long to compare")

// decoded returns a response body without its content coding, which the router has chosen.
func decoded(sent []byte, coding string, limit int) ([]byte, error) {
	if coding == "" {
		return sent, nil
	}
	r, err := body.NewDecoder(coding, sent)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(out) > limit {
		err = errTooLong
	}
	return out, err
}

// A recorder is the response to a copy.
type recorder struct {
	header http.Header
	status int
	body   []byte
	limit  int
	over   bool
}

// Header implements http.ResponseWriter.
func (w *recorder) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if len(w.body)+len(b) > w.limit {
		w.over = true
		return 0, errTooLong
	}
	w.body = append(w.body, b...)
	return len(b), nil
}

// Flush implements http.Flusher.
func (w *recorder) Flush() {}
