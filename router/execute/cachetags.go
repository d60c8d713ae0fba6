package execute

import "souk/router/internal/jsonscan"

// The extensions in which a subgraph tells cache tags, as in Apollo Router: a list for the
// whole response to a root fetch, and a list for each of the _entities.
const (
	rootTags   = "apolloCacheTags"
	entityTags = "apolloEntityCacheTags"
)

// cacheTags fills in the cache tags of lookups from the extensions of a response.
func (x *execution) cacheTags(f *fetch, state *fetchState, extensions []byte) {
	if f.entities == nil {
		if state.root.WantTags {
			state.root.readRootTags(extensions)
		}
		return
	}
	for i := range f.entities {
		e := &state.entities[i]
		if e.lookup.CacheSelection != nil && e.lookup.WantTags {
			e.lookup.readEntityTags(extensions, e.sendCount(), len(f.entities) == 1, e.number)
		}
	}
}

// readRootTags reads the cache tags of a root fetch.
func (l *CacheLookup) readRootTags(extensions []byte) {
	list := extension(extensions, rootTags)
	if list == nil {
		return
	}
	tags, ok := stringList(list)
	l.Tags, l.TagsUnclear = [][]string{tags}, !ok
}

// readEntityTags reads the cache tags of the entities that were sent. They are unclear if the
// request had several _entities fields, since the list does not say to which one it belongs.
func (l *CacheLookup) readEntityTags(extensions []byte, sent int, alone bool, number func(int) int) {
	list := extension(extensions, entityTags)
	if list == nil {
		return
	}
	l.Tags = make([][]string, len(l.Fetched))
	count, ok := 0, alone && jsonscan.KindOf(list) == jsonscan.KindArray
	if ok {
		items := jsonscan.NewReader(list, jsonscan.MaxDepth)
		err := items.Array(func(i int) error {
			item, err := items.Value()
			if count++; err == nil && i < sent {
				var valid bool
				l.Tags[number(i)], valid = stringList(item)
				ok = ok && valid
			}
			return err
		})
		ok = ok && err == nil && count == sent
	}
	l.TagsUnclear = !ok
}

// extension returns a member of the extensions, or nil if it is missing or null.
func extension(extensions []byte, name string) (value []byte) {
	members := jsonscan.NewReader(extensions, jsonscan.MaxDepth)
	// An error means that they are not an object.
	_ = members.Object(func(key []byte) error {
		v, err := members.Value()
		if string(key) == name && err == nil && v[0] != 'n' {
			value = v
		}
		return err
	})
	return value
}

// stringList reads a list of strings. null is an empty one.
func stringList(text []byte) (list []string, ok bool) {
	switch jsonscan.KindOf(text) {
	case jsonscan.KindNull:
		return nil, true
	case jsonscan.KindArray:
	default:
		return nil, false
	}
	ok = true
	items := jsonscan.NewReader(text, jsonscan.MaxDepth)
	err := items.Array(func(int) error {
		item, err := items.Value()
		if err == nil && jsonscan.KindOf(item) == jsonscan.KindString {
			list = append(list, string(jsonscan.Text(item)))
		} else {
			ok = false
		}
		return err
	})
	return list, ok && err == nil
}
