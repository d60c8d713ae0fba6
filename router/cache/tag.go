package cache

import (
	"bytes"
	"unsafe"

	"github.com/cespare/xxhash/v2"
	"github.com/tidwall/gjson"
)

// Tags name generations: they are the part of a token's Redis key after the
// prefix. A type's name holds no colon, so no two are the same by accident.

// wholeTag is the generation of a type as a whole.
func wholeTag(typ string) string { return "t:" + typ }

// anyTag is the generation that changes with any entity of a type.
func anyTag(typ string) string { return "a:" + typ }

// entityTag is the generation of one entity. The key is a string or the text
// of a number: the id "7" is the id 7.
func entityTag(typ, key string) string { return "g:" + typ + ":" + key }

// appendEntityTag is entityTag of a representation, or false if it does not
// have the key field as a string or number.
func appendEntityTag(b []byte, typ, field string, representation []byte) ([]byte, bool) {
	// gjson.GetBytes would copy the value. The string is gone before the
	// bytes can change.
	value := gjson.Get(unsafe.String(unsafe.SliceData(representation), len(representation)), field)
	switch value.Type {
	case gjson.String:
		b = append(append(append(append(b, "g:"...), typ...), ':'), value.Str...)
	case gjson.Number:
		b = append(append(append(append(b, "g:"...), typ...), ':'), value.Raw...)
	default:
		return b, false
	}
	return b, true
}

// typename is the __typename of a representation. It stands first in those the
// executor builds.
func typename(representation []byte) []byte {
	const start = `{"__typename":"`
	if rest, ok := bytes.CutPrefix(representation, []byte(start)); ok {
		if end := bytes.IndexByte(rest, '"'); end >= 0 {
			return rest[:end]
		}
	}
	return []byte(gjson.GetBytes(representation, "__typename").Str)
}

// slot is a tag's place in the table of local generations.
func slot(tag []byte) uint32 { return uint32(xxhash.Sum64(tag)) % generationSlots }

func slotString(tag string) uint32 { return uint32(xxhash.Sum64String(tag)) % generationSlots }
