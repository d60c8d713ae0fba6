package cache

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/cespare/xxhash/v2"
)

// A value in Redis consists of a header and the JSON from the subgraph:
//
//	0   version (1, or 2 with cache tags)
//	1   flags: 1 private, 2 stated, 4 revalidate
//	2   time of storage in Unix milliseconds (8 bytes; all numbers are little-endian)
//	10  lifetime in milliseconds (4)
//	14  stamp of its version tokens (8)
//	22  xxHash64 of key, header up to here, and JSON (8)
//	30  cache tags from the response, if any (see appendLabels)
//	    JSON
//
// The checksum includes the key, so a value under a wrong key is detected.
const (
	valueVersion = 1
	valueLabels  = 2
	headerSize   = 30
	flagPrivate  = 1
	flagStated   = 2
	flagMust     = 4
)

type value struct {
	stored  time.Time
	ttl     time.Duration
	stamp   uint64
	private bool
	// stated is set if the subgraph stated the lifetime itself.
	stated bool
	// revalidate is set if the value must not be used once it has expired.
	revalidate bool
	// labels are the cache tags that the response told.
	labels []string
	json   []byte
}

var errCorrupt = errors.New("not a cached value")

func encodeValue(key digest, v value) []byte {
	b := make([]byte, headerSize, headerSize+len(v.json))
	b[0] = valueVersion
	if len(v.labels) > 0 {
		b[0] = valueLabels
		b = appendLabels(b, v.labels)
	}
	b = append(b, v.json...)
	if v.private {
		b[1] |= flagPrivate
	}
	if v.stated {
		b[1] |= flagStated
	}
	if v.revalidate {
		b[1] |= flagMust
	}
	binary.LittleEndian.PutUint64(b[2:], uint64(v.stored.UnixMilli()))
	binary.LittleEndian.PutUint32(b[10:], uint32(min(v.ttl.Milliseconds(), 1<<32-1)))
	binary.LittleEndian.PutUint64(b[14:], v.stamp)
	binary.LittleEndian.PutUint64(b[22:], checksum(key, b[:22], b[headerSize:]))
	return b
}

// restamp changes the stamp of an encoded value.
func restamp(key, b []byte, stamp uint64) {
	binary.LittleEndian.PutUint64(b[14:], stamp)
	binary.LittleEndian.PutUint64(b[22:], checksum(digest(key), b[:22], b[headerSize:]))
}

// decodeValue decodes a value. It rejects everything that encodeValue did not write for this
// key. The JSON is a part of b.
func decodeValue(key digest, b []byte) (value, error) {
	if len(b) < headerSize || b[0] != valueVersion && b[0] != valueLabels {
		return value{}, errCorrupt
	}
	json := b[headerSize:]
	if binary.LittleEndian.Uint64(b[22:]) != checksum(key, b[:22], json) {
		return value{}, errCorrupt
	}
	var labels []string
	if b[0] == valueLabels {
		var ok bool
		if labels, json, ok = readLabels(json); !ok {
			return value{}, errCorrupt
		}
	}
	return value{
		stored:     time.UnixMilli(int64(binary.LittleEndian.Uint64(b[2:]))),
		ttl:        time.Duration(binary.LittleEndian.Uint32(b[10:])) * time.Millisecond,
		stamp:      binary.LittleEndian.Uint64(b[14:]),
		private:    b[1]&flagPrivate != 0,
		stated:     b[1]&flagStated != 0,
		revalidate: b[1]&flagMust != 0,
		labels:     labels,
		json:       json,
	}, nil
}

func checksum(key digest, header, json []byte) uint64 {
	var h xxhash.Digest
	h.Reset()
	_, _ = h.Write(key[:])
	_, _ = h.Write(header)
	_, _ = h.Write(json)
	return h.Sum64()
}

// stampOf returns the stamp of an epoch and version tokens. It is 0 if one of them is
// unknown; no value has that stamp.
func stampOf(epoch string, tokens []string) uint64 {
	if epoch == "" {
		return 0
	}
	var h xxhash.Digest
	h.Reset()
	_, _ = h.WriteString(epoch)
	for _, t := range tokens {
		if t == "" {
			return 0
		}
		// Tokens have equal lengths, so no separator is needed.
		_, _ = h.WriteString(t)
	}
	return max(h.Sum64(), 1)
}
