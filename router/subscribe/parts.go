package subscribe

import (
	"bufio"
	"fmt"
	"net/http"
	"time"
)

// Parts writes the responses of one incremental delivery as the parts of a
// multipart/mixed message (GraphQL over HTTP's proposal for incremental
// delivery; RFC 2046, section 5.1).
type Parts struct {
	control *http.ResponseController
	out     *bufio.Writer
	begun   bool
}

// NewParts begins a message with a status; parameter, unless empty, is one
// more parameter of its content type.
func NewParts(w http.ResponseWriter, status int, parameter string) *Parts {
	contentType := `multipart/mixed;boundary="-"`
	if parameter != "" {
		contentType += ";" + parameter
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("X-Accel-Buffering", "no") // or nginx keeps parts back
	w.WriteHeader(status)
	return &Parts{out: bufio.NewWriterSize(w, smallMessage), control: http.NewResponseController(w)}
}

// Send writes one response, a JSON text, so that the client has it at once:
// with the delimiter after it, since only there clients know that a part has
// ended. The last one ends the message. A client that does not read for too
// long is given up, with an error.
func (p *Parts) Send(response []byte, last bool) error {
	// Not every writer knows deadlines; those that do not have no slow clients.
	_ = p.control.SetWriteDeadline(time.Now().Add(patience))
	out := p.out // an error stays until Flush
	if !p.begun {
		p.begun = true
		_, _ = out.WriteString("\r\n---\r\n")
	}
	// Spelt so, since earlier versions of Apollo iOS compare it as a text.
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
		return fmt.Errorf("writing a part: %w", err)
	}
	return nil
}
