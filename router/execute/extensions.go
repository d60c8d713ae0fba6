package execute

import (
	"slices"

	"souk/router/internal/jsonscan"
)

// A returnedExtension is a member of subgraphs' extensions that the client gets.
type returnedExtension struct {
	name string
	// text is the value as JSON, or all values of the rule append, separated by commas.
	text []byte
	list bool
}

// maxReturnedExtensions bounds the members of subgraphs' extensions in a response, in bytes. What
// is beyond it is left out.
const maxReturnedExtensions = 64 << 10

// keepExtensions keeps the members of a subgraph's extensions that the client gets. It copies
// them: the response is released before that of the client is complete.
func (x *execution) keepExtensions(text []byte) {
	members := jsonscan.NewReader(text, jsonscan.MaxDepth)
	// An error means that they are not an object: then there is nothing to keep.
	_ = members.Object(func(key []byte) error {
		value, err := members.Value()
		if rule := x.executor.options.ReturnExtensions[string(key)]; rule != "" && err == nil {
			x.keepExtension(string(key), value, rule)
		}
		return err
	})
}

func (x *execution) keepExtension(name string, value []byte, rule string) {
	kept := len(name) + len(value)
	for _, e := range x.returned {
		kept += len(e.name) + len(e.text)
	}
	i := slices.IndexFunc(x.returned, func(e returnedExtension) bool { return e.name == name })
	switch {
	case kept > maxReturnedExtensions, i >= 0 && rule == "first":
	case i < 0:
		x.returned = append(x.returned, returnedExtension{name, slices.Clone(value), rule == "append"})
	case rule == "append":
		x.returned[i].text = append(append(x.returned[i].text, ','), value...)
	default:
		x.returned[i].text = slices.Clone(value)
	}
}

// appendExtensions appends the extensions of the client's response, if there are any: those of
// the request, and those of subgraphs. data is what out has as data; nil if more follows.
func (x *execution) appendExtensions(out, data []byte, fetches []FetchStatistics) []byte {
	own := []byte(nil)
	if x.req.Extensions != nil {
		own = x.req.Extensions(data, fetches)
	}
	if len(x.returned) == 0 {
		if own != nil {
			out = append(append(out, `,"extensions":`...), own...)
		}
		return out
	}
	out = append(out, `,"extensions":{`...)
	if len(own) > len("{}") {
		out = append(append(out, own[1:len(own)-1]...), ',')
	}
	for i, e := range x.returned {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, e.name), ':')
		if e.list {
			out = append(append(append(out, '['), e.text...), ']')
		} else {
			out = append(out, e.text...)
		}
	}
	return append(out, '}')
}

// clientExtensions appends the extensions of a request to a subgraph.
func (x *execution) clientExtensions(b []byte, subgraph string) []byte {
	if x.executor.options.ForwardExtensions == nil {
		return b
	}
	begun := false
	for _, name := range x.executor.options.ForwardExtensions(subgraph) {
		value := x.req.ClientExtensions.Get(name)
		if value == nil {
			continue
		}
		if begun {
			b = append(b, ',')
		} else {
			b = append(b, `,"extensions":{`...)
		}
		begun = true
		b = append(appendKey(b, name), value...)
	}
	if begun {
		b = append(b, '}')
	}
	return b
}
