package subgraph_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"souk/router/execute"
)

// A verdict is how net/http reads the bytes of a response.
type verdict struct {
	status int
	header http.Header
	body   []byte
	err    error
	// strict is set for bytes that net/http accepts, but that RFC 9112 requires or
	// allows a client to reject, as the router does.
	strict bool
}

// oracle reads the final response with net/http.
func oracle(text []byte) verdict {
	v := verdict{strict: strictness(text)}
	r := bufio.NewReaderSize(bytes.NewReader(text), len(text)+16)
	for range 17 {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			v.err = err
			return v
		}
		if response.ProtoMajor != 1 || response.StatusCode < 100 || response.StatusCode == http.StatusSwitchingProtocols {
			v.strict = true
		}
		if response.StatusCode < 200 {
			continue
		}
		v.status, v.header = response.StatusCode, response.Header
		v.body, v.err = io.ReadAll(response.Body)
		return v
	}
	v.strict = true // more informational responses than the router accepts
	return v
}

// strictness finds what only the router rejects. A match may also be in the body,
// where it means nothing: then the comparison is only weaker.
func strictness(text []byte) bool {
	lengths := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		name, value, isField := strings.Cut(line, ":")
		switch {
		// A space in or after a name (RFC 9112, section 5.1).
		case isField && strings.ContainsAny(name, " ") && !strings.HasPrefix(name, "HTTP/"):
			return true
		// More than one space in the status line (RFC 9112, section 4).
		case strings.HasPrefix(line, "HTTP/") && (strings.Count(line[:min(len(line), 12)], " ") > 1 || strings.ContainsAny(line[:min(len(line), 13)], "+-")):
			return true
		case strings.EqualFold(name, "Content-Length"):
			lengths[strings.TrimSpace(value)] = true
		// Both framings, or chunks in HTTP/1.0 (RFC 9112, section 6).
		case strings.EqualFold(name, "Transfer-Encoding"):
			if lengths["chunks"] = true; bytes.Contains(text, []byte("HTTP/1.0")) {
				return true
			}
			// A bare line feed in a trailer.
			if strings.Contains(strings.ReplaceAll(string(text), "\r\n", ""), "\n") {
				return true
			}
		}
	}
	return len(lengths) > 1
}

// compare fails if the router reads the bytes differently.
func (v *verdict) compare(t *testing.T, got *execute.SubgraphResponse, err error) {
	t.Helper()
	if v.strict {
		return
	}
	refused := v.err != nil || len(v.body) > scriptedLimit
	if !refused {
		// The router itself rejects these complete responses.
		switch v.status {
		case 408, 429, 502, 503, 504:
			return
		}
		media := v.header.Get("Content-Type")
		if v.status >= 300 && v.status <= 399 || media != "" && !strings.Contains(strings.ToLower(media), "json") || v.header["Content-Encoding"] != nil {
			return
		}
		if media != "" && err != nil && strings.Contains(err.Error(), "instead of JSON") || err != nil && strings.Contains(err.Error(), "responded with status") {
			return
		}
	}
	switch {
	case refused && err == nil:
		t.Fatalf("got %q; net/http: %v", got.Body.B, v.err)
	case refused:
	case err != nil:
		t.Fatalf("got error %v; net/http: status %d, %q", err, v.status, v.body)
	case got.Status != v.status || !bytes.Equal(got.Body.B, bytes.TrimPrefix(v.body, []byte("\uFEFF"))):
		t.Fatalf("got status %d, %q; net/http: status %d, %q", got.Status, got.Body.B, v.status, v.body)
	}
	for _, name := range []string{"Cache-Control", "Age", "Vary"} {
		if !refused && !slices.Equal(got.Header[name], v.header[name]) {
			t.Fatalf("header %s = %q; net/http: %q", name, got.Header[name], v.header[name])
		}
	}
}
