package subgraph

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"souk/router/execute"
)

// acceptEncoding lists the content codings that decode supports (RFC 9110, section
// 12.5.3).
const acceptEncoding = "gzip, br, zstd"

const (
	// maxCodings bounds the number of codings of one response.
	maxCodings = 3
	// maxWindow bounds the window of zstd, in bytes. RFC 8878, section 3.1.1.1.2,
	// recommends support for 8 MiB.
	maxWindow = 8 << 20
)

// A decoder decompresses one coding. Reset makes it reusable.
type decoder interface {
	io.Reader
	Reset(r io.Reader) error
}

// decoders has the supported codings.
var decoders = [...]struct {
	names [2]string
	pool  sync.Pool
}{
	{names: [2]string{"gzip", "x-gzip"}, pool: sync.Pool{New: func() any { return new(gzip.Reader) }}},
	{names: [2]string{"br"}, pool: sync.Pool{New: func() any { return new(brotli.Reader) }}},
	{names: [2]string{"zstd"}, pool: sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			panic(err) // unreachable: the options are valid
		}
		return d
	}}},
}

// decode decompresses a body and releases it. limit also bounds the decompressed size, so
// that a small body cannot exhaust memory.
func decode(ctx context.Context, room *execute.MemoryReservation, body *execute.Buffer, codings string, limit, status int) (*execute.Buffer, error) {
	names := strings.Split(codings, ",")
	if len(names) > maxCodings {
		body.Release()
		return nil, undecodable(codings, status, fmt.Errorf("more than %d codings", maxCodings))
	}
	// The header lists codings in the order in which they were applied.
	for i := len(names) - 1; i >= 0; i-- {
		name := strings.ToLower(strings.TrimSpace(names[i]))
		if name == "" || name == "identity" {
			continue
		}
		decoded, err := decodeOne(ctx, room, body.B, name, limit)
		body.Release()
		if errors.Is(err, errTooLarge) {
			return nil, tooLarge(limit, status)
		}
		if full := (*execute.TransportError)(nil); errors.As(err, &full) {
			return nil, full
		}
		if err != nil {
			return nil, undecodable(codings, status, err)
		}
		body = decoded
	}
	return body, nil
}

func undecodable(codings string, status int, err error) error {
	return &execute.TransportError{
		Code: execute.CodeMalformed, Message: fmt.Sprintf("sent a response with the content coding %q that could not be decoded", start([]byte(codings))),
		Status: status, Err: err,
	}
}

var errUnknownCoding = errors.New("unsupported content coding; the router accepts " + acceptEncoding)

func decodeOne(ctx context.Context, room *execute.MemoryReservation, b []byte, name string, limit int) (*execute.Buffer, error) {
	for i := range decoders {
		d := &decoders[i]
		if name != d.names[0] && name != d.names[1] {
			continue
		}
		r, _ := d.pool.Get().(decoder)
		defer d.pool.Put(r)
		if err := r.Reset(bytes.NewReader(b)); err != nil {
			return nil, err
		}
		decoded, err := fill(ctx, room, r, -1, limit)
		if full := (*execute.TransportError)(nil); errors.As(err, &full) && full.Code == execute.CodeOverloaded {
			// If the body also exceeds limit, report that instead: then the subgraph is
			// at fault, not the router's memory. Count the rest without keeping it.
			if n, _ := io.CopyN(io.Discard, r, int64(limit+1-len(decoded.B))); len(decoded.B)+int(n) > limit {
				err = errTooLarge
			}
		}
		// Drop the reference to the body before the decoder returns to the pool.
		_ = r.Reset(bytes.NewReader(nil))
		if err != nil {
			decoded.Release()
			return nil, err
		}
		return decoded, nil
	}
	return nil, errUnknownCoding
}
