package cache

import (
	"bytes"

	"github.com/cespare/xxhash/v2"

	"souk/router/internal/jsonscan"
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
	value := member(representation, field)
	if len(value) == 0 {
		return b, false
	}
	switch jsonscan.KindOf(value) {
	case jsonscan.KindString:
		value = jsonscan.Text(value)
	case jsonscan.KindNumber:
	default:
		return b, false
	}
	b = append(append(append(b, "g:"...), typ...), ':')
	return append(b, value...), true
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
	if value := member(representation, "__typename"); len(value) > 0 && value[0] == '"' {
		return jsonscan.Text(value)
	}
	return nil
}

// member is the text of a representation's member, or nil. Nothing is copied.
func member(representation []byte, name string) []byte {
	r := jsonscan.NewReader(representation, jsonscan.MaxDepth)
	var found []byte
	err := r.Object(func(key []byte) error {
		value, err := r.Value()
		if string(key) == name && found == nil {
			found = value
		}
		return err
	})
	if err != nil {
		return nil
	}
	return found
}

// slot is a tag's place in the table of local generations.
func slot(tag []byte) uint32 { return uint32(xxhash.Sum64(tag)) % generationSlots }

func slotString(tag string) uint32 { return uint32(xxhash.Sum64String(tag)) % generationSlots }
