package gateway

import (
	"bytes"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A coder compresses whole bodies by one content coding. Levels are those at
// which time still counts for more than size.
type coder struct {
	name string
	pool sync.Pool // of encoder
}

type encoder interface {
	io.WriteCloser
	Reset(io.Writer)
}

// coders are in the order of preference for equal weights.
type coders []*coder

func newCoders() coders {
	return coders{
		{name: "zstd", pool: sync.Pool{New: func() any {
			e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
			if err != nil { // not reached: the options are constant
				panic(err)
			}
			return e
		}}},
		{name: "br", pool: sync.Pool{New: func() any { return brotli.NewWriterLevel(nil, 3) }}},
		{name: "gzip", pool: sync.Pool{New: func() any {
			e, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
			if err != nil { // not reached: the level is constant
				panic(err)
			}
			return e
		}}},
	}
}

// choose reads the Accept-Encoding header (RFC 9110, section 12.5.3); nil
// stands for no compression.
func (c coders) choose(header []string) *coder {
	if len(header) == 0 {
		return nil
	}
	weights := [4]int{-1, -1, -1, -1} // zstd, br, gzip, identity
	rest := -1
	eachWeighted(header, func(name string, weight int) {
		switch name {
		case "x-gzip":
			name = "gzip"
		case "identity":
			weights[3] = weight
		case "*":
			rest = weight
		}
		for i := range c {
			if c[i].name == name {
				weights[i] = weight
			}
		}
	})
	var best *coder
	most := 0
	for i := range c {
		w := weights[i]
		if w < 0 {
			w = max(rest, 0)
		}
		if w > most {
			best, most = c[i], w
		}
	}
	if weights[3] > most {
		return nil
	}
	return best
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
