package canary

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// Responses in each coding that the router sends are compared, up to the bound of their size.
func TestResponsesAreDecoded(t *testing.T) {
	const text = `{"data":{"hello":"hi"}}`
	for coding, writer := range map[string]func(io.Writer) io.WriteCloser{
		"gzip": func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
		"br":   func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) },
		"zstd": func(w io.Writer) io.WriteCloser {
			z, err := zstd.NewWriter(w)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	} {
		var sent bytes.Buffer
		w := writer(&sent)
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := decoded(sent.Bytes(), coding, len(text)); err != nil || string(got) != text {
			t.Errorf("%s: got %q, error %v", coding, got, err)
		}
		if _, err := decoded(sent.Bytes(), coding, len(text)-1); !errors.Is(err, errTooLong) {
			t.Errorf("%s: a response that is too long: %v", coding, err)
		}
		if _, err := decoded(sent.Bytes()[:sent.Len()/2], coding, len(text)); err == nil {
			t.Errorf("%s: half a response is decoded", coding)
		}
	}
}
