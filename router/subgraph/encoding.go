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

// acceptEncoding names the content codings that decode knows (RFC 9110,
// section 12.5.3).
const acceptEncoding = "gzip, br, zstd"

const (
	// maxCodings bounds the codings of one answer.
	maxCodings = 3
	// maxWindow bounds the memory for decoding zstd. RFC 8878, section
	// 3.1.1.1.2, asks for 8 MiB.
	maxWindow = 8 << 20
)

// A decoder reads one coding. It is used again after Reset.
type decoder interface {
	io.Reader
	Reset(r io.Reader) error
}

// decoders are the codings that answers may have.
var decoders = [...]struct {
	names [2]string
	pool  sync.Pool
}{
	{names: [2]string{"gzip", "x-gzip"}, pool: sync.Pool{New: func() any { return new(gzip.Reader) }}},
	{names: [2]string{"br"}, pool: sync.Pool{New: func() any { return new(brotli.Reader) }}},
	{names: [2]string{"zstd"}, pool: sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			panic(err) // only for options that are not valid
		}
		return d
	}}},
}

// decode undoes the content codings of a body, which it releases. What comes
// out is bounded by limit, too, so that a small body cannot fill the memory.
func decode(ctx context.Context, room *execute.Room, body *execute.Buffer, codings string, limit, status int) (*execute.Buffer, error) {
	names := strings.Split(codings, ",")
	if len(names) > maxCodings {
		body.Release()
		return nil, undecodable(codings, status, fmt.Errorf("more than %d codings", maxCodings))
	}
	// They are named in the order they were applied.
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
		Code: execute.CodeMalformed, Message: fmt.Sprintf("sent an answer with the content coding %q that cannot be decoded", start([]byte(codings))),
		Status: status, Err: err,
	}
}

var errUnknownCoding = errors.New("it was not asked for: " + acceptEncoding + " are accepted")

func decodeOne(ctx context.Context, room *execute.Room, b []byte, name string, limit int) (*execute.Buffer, error) {
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
			// What is too large whether or not there is room says so: the
			// subgraph is at fault then. The rest is counted, not kept.
			if n, _ := io.CopyN(io.Discard, r, int64(limit+1-len(decoded.B))); len(decoded.B)+int(n) > limit {
				err = errTooLarge
			}
		}
		// Let go of the body; there is nothing to read in what takes its place.
		_ = r.Reset(bytes.NewReader(nil))
		if err != nil {
			decoded.Release()
			return nil, err
		}
		return decoded, nil
	}
	return nil, errUnknownCoding
}
