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
	"strings"

	"souk/router/execute"
)

// overSSE runs one stream of server-sent events (HTML standard, section 9.2)
// in the distinct connections mode of GraphQL over SSE: "next" events carry
// responses, "complete" ends the stream.
func (s *subgraph) overSSE(ctx context.Context, body []byte, header http.Header, event func([]byte) error) error {
	// The connection is ended with the stream.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, httpURL(s.Subscriptions.URL), bytes.NewReader(body))
	if err != nil {
		return &execute.TransportError{Code: execute.CodeHTTP, Message: "has no usable URL for subscriptions", Err: err}
	}
	request.Header = header.Clone()
	request.Header.Set("Accept", "text/event-stream")
	response, err := s.streams.RoundTrip(request)
	if err != nil {
		return lost(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusedStream(response)
	}
	if media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); media != "text/event-stream" {
		return &execute.TransportError{
			Code: execute.CodeMalformed, Message: fmt.Sprintf("answered a subscription with %q instead of text/event-stream", media),
		}
	}
	return s.readSSE(response.Body, event)
}

func (s *subgraph) readSSE(r io.Reader, event func([]byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, s.MaxResponseBytes)
	var name string
	var data []byte
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) > 0 {
			field, value, _ := bytes.Cut(line, []byte(":"))
			value = bytes.TrimPrefix(value, []byte(" "))
			switch string(field) {
			case "event":
				name = string(value)
			case "data":
				if len(data) > 0 {
					data = append(data, '\n')
				}
				data = append(data, value...)
			}
			if len(data) > s.MaxResponseBytes {
				return &execute.TransportError{Code: execute.CodeHTTP, Message: fmt.Sprintf("sent an event of more than %d bytes", s.MaxResponseBytes)}
			}
			continue
		}
		switch {
		case name == "complete":
			return nil
		case len(data) > 0 && (name == "next" || name == "" || name == "message"):
			if err := event(data); err != nil {
				return err
			}
		}
		name, data = "", data[:0]
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return &execute.TransportError{Code: execute.CodeHTTP, Message: fmt.Sprintf("sent an event of more than %d bytes", s.MaxResponseBytes)}
		}
		return lost(err)
	}
	return lost(io.ErrUnexpectedEOF)
}

// httpURL gives the http form of a ws URL.
func httpURL(u string) string {
	if rest, ok := strings.CutPrefix(u, "ws"); ok {
		return "http" + rest
	}
	return u
}
