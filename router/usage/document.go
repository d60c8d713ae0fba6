package usage

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// A document is the JSON form of the usage, which souk schema check --usage reads.
type document struct {
	Since     time.Time              `json:"since"`
	Until     time.Time              `json:"until"`
	Fields    map[string]documentUse `json:"fields"`
	Arguments map[string]documentUse `json:"arguments,omitempty"`
	Inputs    map[string]documentUse `json:"input_fields,omitempty"`
	Values    map[string]documentUse `json:"enum_values,omitempty"`
	// Incomplete is set if there was no room for some elements.
	Incomplete bool `json:"incomplete,omitempty"`
}

type documentUse struct {
	Requests   uint64           `json:"requests"`
	Deprecated bool             `json:"deprecated,omitempty"`
	Clients    []documentClient `json:"clients"`
}

type documentClient struct {
	Name     string `json:"name"`
	Version  string `json:"version,omitempty"`
	Requests uint64 `json:"requests"`
}

// encode returns the documents of a table, each with at most the given number of elements.
func (t table) encode(since, until time.Time, most int) ([][]byte, error) {
	var out [][]byte
	coordinates := slices.Sorted(maps.Keys(t))
	for part := range slices.Chunk(coordinates, most) {
		_, incomplete := t[further]
		d := document{Since: since.UTC(), Until: until.UTC(), Fields: map[string]documentUse{}, Incomplete: incomplete}
		for _, coordinate := range part {
			if coordinate != further {
				d.add(coordinate, t[coordinate])
			}
		}
		text, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		out = append(out, append(text, '\n'))
	}
	return out, nil
}

func (d *document) add(coordinate string, u *use) {
	in := map[kind]*map[string]documentUse{field: &d.Fields, argumentOfField: &d.Arguments, inputField: &d.Inputs, enumValue: &d.Values}[u.kind]
	if *in == nil {
		*in = map[string]documentUse{}
	}
	one := documentUse{Requests: u.requests, Deprecated: u.deprecated}
	for client, n := range u.clients {
		one.Clients = append(one.Clients, documentClient{client.Name, client.Version, n})
	}
	slices.SortFunc(one.Clients, func(a, b documentClient) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	(*in)[coordinate] = one
}
