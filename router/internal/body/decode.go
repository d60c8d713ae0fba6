package body

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"souk/internal/memory"
)

// codings is the Accept-Encoding header of a 415 response (RFC 9110, section
// 15.5.16).
const codings = "gzip, br, zstd, deflate"

// contentCoding returns the coding in a Content-Encoding header, or "".
func contentCoding(header []string) (string, error) {
	coding := ""
	for _, line := range header {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.ToLower(strings.TrimSpace(name))
			switch {
			case name == "" || name == "identity":
			case coding != "":
				return "", unsupported("more than one coding")
			case name == "x-gzip": // RFC 9110, section 8.4.1.3
				coding = "gzip"
			case name == "gzip" || name == "br" || name == "zstd" || name == "deflate":
				coding = name
			default:
				return "", unsupported(fmt.Sprintf("%.40q", name))
			}
		}
	}
	return coding, nil
}

func unsupported(what string) error {
	return &Error{Status: http.StatusUnsupportedMediaType, Header: http.Header{"Accept-Encoding": {codings}},
		Detail: fmt.Sprintf("Content-Encoding has %s, which is not supported. Send the body uncompressed or with one of: %s.", what, codings)}
}

// decode appends the decoded body to a buffer.
func (rd *Reader) decode(ctx context.Context, coding string, sent []byte, into *bytes.Buffer, lease *memory.Lease) error {
	from, err := NewDecoder(coding, sent)
	if err != nil {
		return corrupt(coding, err)
	}
	defer from.Close()
	limit, before := rd.limits.Bytes, into.Len()
	var decoded io.Reader = from
	if limit > 0 {
		decoded = io.LimitReader(from, int64(limit)+1)
	}
	if _, err := into.ReadFrom(Charge(ctx, decoded, lease)); errors.Is(err, memory.ErrExhausted) {
		return overloaded()
	} else if err != nil {
		return corrupt(coding, err)
	}
	if limit > 0 && into.Len()-before > limit {
		return &Error{Status: http.StatusRequestEntityTooLarge,
			Detail: fmt.Sprintf("The decoded request body is longer than %d bytes.", limit)}
	}
	return nil
}

func corrupt(coding string, err error) error {
	return &Error{Status: http.StatusBadRequest,
		Detail: fmt.Sprintf("The request body cannot be decoded as %s: %v.", coding, err)}
}

// maxWindow bounds the window of a decoder in bytes. RFC 9659 sets this limit for
// zstd; here it applies to brotli, too.
const maxWindow = 8 << 20

// NewDecoder returns a reader of what is encoded with gzip, br, zstd or deflate. The caller must
// close it.
func NewDecoder(coding string, sent []byte) (io.ReadCloser, error) {
	source := bytes.NewReader(sent)
	switch coding {
	case "gzip":
		return gzip.NewReader(source)
	case "br":
		if brotliWindow(sent) > maxWindow {
			return nil, errors.New("its window is larger than 8 MiB")
		}
		return io.NopCloser(brotli.NewReader(source)), nil
	case "zstd":
		d, err := zstd.NewReader(source, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	// deflate means the zlib format (RFC 9110, section 8.4.1.2), but some clients
	// send raw deflate data. Detect the zlib header.
	if len(sent) > 1 && sent[0]&0x0f == 8 && (int(sent[0])<<8|int(sent[1]))%31 == 0 {
		return zlib.NewReader(source)
	}
	return flate.NewReader(source), nil
}

// brotliWindow returns the window size in bytes from the header of a stream (RFC
// 7932, section 9.1).
func brotliWindow(sent []byte) int {
	if len(sent) == 0 {
		return 0
	}
	bits := 16
	switch b := sent[0]; {
	case b&1 == 0:
	case b>>1&7 != 0:
		bits = 17 + int(b>>1&7)
	case b>>4&7 != 0:
		bits = 8 + int(b>>4&7)
	default:
		bits = 17
	}
	return 1 << bits
}
