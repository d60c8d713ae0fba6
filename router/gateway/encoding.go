package gateway

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"souk/router/internal/accept"
)

// A coder compresses complete bodies with one content coding. The levels favor speed
// over size.
type coder struct {
	name string
	pool sync.Pool // of encoder
}

type encoder interface {
	io.WriteCloser
	Flush() error
	Reset(io.Writer)
}

// coders lists the codings in order of preference at equal weight. zstd comes last:
// some clients accept it by name and then fail to decode it, such as HTTP libraries
// on Node.js versions without zstd.
type coders []*coder

func newCoders() coders {
	return coders{
		{name: "br", pool: sync.Pool{New: func() any { return brotli.NewWriterLevel(nil, 3) }}},
		{name: "gzip", pool: sync.Pool{New: func() any {
			e, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
			if err != nil { // unreachable: the level is valid
				panic(err)
			}
			return e
		}}},
		{name: "zstd", pool: sync.Pool{New: func() any {
			e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
			if err != nil { // unreachable: the options are valid
				panic(err)
			}
			return e
		}}},
	}
}

// acceptedCodings has the weights in an Accept-Encoding header (RFC 9110, section
// 12.5.3), from 0 to 1000. A coding that the header does not name has -1.
type acceptedCodings struct {
	named    [3]int // in the order of newCoders
	identity int
	wildcard int
}

func (c coders) read(header []string) acceptedCodings {
	a := acceptedCodings{named: [3]int{-1, -1, -1}, identity: -1, wildcard: -1}
	accept.Each(header, func(name, _ string, weight int) {
		switch name {
		case "identity":
			a.identity = max(a.identity, weight)
			return
		case "*":
			a.wildcard = max(a.wildcard, weight)
			return
		case "x-gzip": // RFC 9110, section 8.4.1.3
			name = "gzip"
		}
		for i := range c {
			if c[i].name == name {
				a.named[i] = max(a.named[i], weight)
			}
		}
	})
	return a
}

// refusesIdentity reports whether the client rejects uncompressed responses: it sends
// identity;q=0, or *;q=0 without naming identity.
func (a *acceptedCodings) refusesIdentity() bool {
	return a.identity == 0 || a.identity < 0 && a.wildcard == 0
}

// best returns the coding with the highest weight, or nil for no compression. At equal
// weight, a named coding precedes one that only the wildcard matches. For the wildcard
// it prefers gzip, which most clients can decode.
func (c coders) best(a *acceptedCodings) *coder {
	var best *coder
	most := 0
	for i := range c {
		if a.named[i] > most {
			best, most = c[i], a.named[i]
		}
	}
	if a.wildcard > most {
		for _, i := range [...]int{1, 0, 2} {
			if a.named[i] < 0 {
				best, most = c[i], a.wildcard
				break
			}
		}
	}
	if a.identity > most {
		return nil
	}
	return best
}

// choose returns the coding for a response, or nil for none. If wanted is false, it
// compresses only for clients that reject identity.
func (c coders) choose(header []string, wanted bool) *coder {
	if len(header) == 0 || !wanted && !mayRefuse(header) {
		return nil
	}
	a := c.read(header)
	if !wanted && !a.refusesIdentity() {
		return nil
	}
	return c.best(&a)
}

// acceptable reports whether the client accepts identity or any supported coding.
func (c coders) acceptable(header []string) bool {
	if !mayRefuse(header) {
		return true
	}
	a := c.read(header)
	return !a.refusesIdentity() || c.best(&a) != nil
}

// mayRefuse reports whether a header may contain a weight of 0. It avoids parsing the
// usual headers, which have no weights.
func mayRefuse(header []string) bool {
	for _, line := range header {
		if strings.Contains(line, "=") {
			return true
		}
	}
	return false
}

// compress appends the compressed body to out.
func (c *coder) compress(out *bytes.Buffer, body []byte) error {
	e := c.pool.Get().(encoder)
	defer c.pool.Put(e)
	e.Reset(out)
	if _, err := e.Write(body); err != nil {
		return err
	}
	return e.Close()
}
