package rest

import (
	"bytes"
	"encoding/json"
)

// ordered is a JSON object whose members keep their order, which makes the OpenAPI description
// readable.
type ordered []entry

type entry struct {
	name  string
	value any
}

// with appends a member.
func (o ordered) with(name string, value any) ordered { return append(o, entry{name, value}) }

// maybe appends a member unless its value is empty.
func (o ordered) maybe(name, value string) ordered {
	if value == "" {
		return o
	}
	return o.with(name, value)
}

// set replaces the member with the name, or appends one.
func (o ordered) set(name string, value any) ordered {
	for i := range o {
		if o[i].name == name {
			o[i].value = value
			return o
		}
	}
	return o.with(name, value)
}

func (o ordered) get(name string) any {
	for _, e := range o {
		if e.name == name {
			return e.value
		}
	}
	return nil
}

// MarshalJSON encodes the members in order.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, e := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(nil, e.name))
		b.WriteByte(':')
		if err := encoder.Encode(e.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
