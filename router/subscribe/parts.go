package subscribe

import (
	"bufio"
	"fmt"
	"net/http"
	"time"
)

// Parts writes the responses of an incremental delivery as the parts of a
// multipart/mixed message (incremental delivery over HTTP proposal; RFC 2046,
// section 5.1).
type Parts struct {
	control *http.ResponseController
	out     *bufio.Writer
	begun   bool
}

// NewParts writes the response header with a status. If parameter is not empty, it
// is added to the content type.
func NewParts(w http.ResponseWriter, status int, parameter string) *Parts {
	contentType := `multipart/mixed;boundary="-"`
	if parameter != "" {
		contentType += ";" + parameter
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Accel-Buffering", "no") // stops nginx from buffering
	w.WriteHeader(status)
	return &Parts{out: bufio.NewWriterSize(w, smallMessage), control: http.NewResponseController(w)}
}

// Send writes and flushes one response, a JSON text. It also writes the delimiter
// after it, because clients detect the end of a part by the next delimiter. If last
// is set, it ends the message. It returns an error if the client does not read for
// longer than patience.
func (p *Parts) Send(response []byte, last bool) error {
	// Ignore the error: some ResponseWriters, such as those in tests, do not
	// support deadlines.
	_ = p.control.SetWriteDeadline(time.Now().Add(patience))
	out := p.out // Flush returns any error
	if !p.begun {
		p.begun = true
		_, _ = out.WriteString("\r\n---\r\n")
	}
	// The header name is in lower case because earlier versions of Apollo iOS
	// compare it case-sensitively.
	_, _ = out.WriteString("content-type: application/json\r\n\r\n")
	_, _ = out.Write(response)
	_, _ = out.WriteString("\r\n---")
	if last {
		_, _ = out.WriteString("--")
	}
	_, _ = out.WriteString("\r\n")
	err := out.Flush()
	if err == nil {
		err = p.control.Flush()
	}
	if err != nil {
		return fmt.Errorf("writing a part of a multipart response: %w", err)
	}
	return nil
}
