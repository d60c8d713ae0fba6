package cache

import (
	"bytes"

	"github.com/cespare/xxhash/v2"

	"souk/router/internal/jsonscan"
)

// A tag names a version token: it is the part of the Redis key after the prefix. Type names
// contain no colon, so tags are unambiguous. labels.go has those of cache tags.

// wholeTag returns the tag of a type of a subgraph as a whole: of an entity type, or of Query for
// root fields. Names of subgraphs contain no colon.
func wholeTag(subgraph, typ string) string { return "t:" + subgraph + ":" + typ }

// anyTag returns the tag of a subgraph that changes with any entity of a type.
func anyTag(subgraph, typ string) string { return "a:" + subgraph + ":" + typ }

// entityTag returns the tag of one entity. The key is a string or the text of a number: the
// IDs "7" and 7 are the same.
func entityTag(typ, key string) string { return "g:" + typ + ":" + key }

// appendEntityTag appends the tag of the entity in a representation. It returns false if the
// key field is missing or not a string or number.
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

// typename returns the __typename of a representation. Representations from the executor
// start with it.
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

// member returns the value of a member of a representation without copying it, or nil.
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

// slot returns the index of a tag in the table of local versions.
func slot(tag []byte) uint32 { return uint32(xxhash.Sum64(tag)) % versionSlots }

func slotString(tag string) uint32 { return uint32(xxhash.Sum64String(tag)) % versionSlots }
