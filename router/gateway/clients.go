package gateway

import (
	"encoding/binary"
	"maps"
	"slices"

	"souk/router/gateway/config"
	"souk/router/internal/clientname"
	"souk/router/operation"
)

// limitedSchemas are the schemas with the limits of the clients that have limits of their own, by
// name. Documents that one client may execute are not cached for others, so each has a number.
type limitedSchemas map[string]limitedSchema

type limitedSchema struct {
	*operation.Schema
	client string
	number uint16 // from 1
}

func newLimitedSchemas(c config.Limits, schema *operation.Schema) limitedSchemas {
	out := limitedSchemas{}
	for i, name := range slices.Sorted(maps.Keys(c.Clients)) {
		out[name] = limitedSchema{schema.With(Limits(c.Of(name))), name, uint16(i + 1)}
	}
	return out
}

// limited returns the schema with the limits of a client.
func (s *snapshot) limited(client string) limitedSchema {
	if own, ok := s.limitedSchemas[client]; ok {
		return own
	}
	return limitedSchema{Schema: s.schema}
}

// documentKey appends the key of a document in the cache of documents. The number of the client
// has a fixed length: otherwise a client could choose a text and a name whose key is that of
// another client's document.
func (s *snapshot) documentKey(key, text, name []byte, of limitedSchema) []byte {
	key = append(append(append(key, text...), 0), name...)
	if len(s.limitedSchemas) > 0 {
		key = binary.BigEndian.AppendUint16(key, of.number)
	}
	return key
}

// limitedClient returns the name of the client if it may have limits of its own, or else "".
func (x *exchange) limitedClient() string {
	if len(x.config.Limits.Clients) == 0 {
		return ""
	}
	name, _ := clientname.Of(x.r.Header)
	return name
}

// maxCost returns what an operation of the client may cost; 0 means no limit.
func (x *exchange) maxCost() float64 {
	c := &x.config.DemandControl
	switch {
	case !c.Enabled:
		return 0
	case len(c.Clients) == 0:
		return c.Max
	}
	name, _ := clientname.Of(x.r.Header)
	return c.MaxOf(name)
}

// mostTokens returns how many tokens a trusted document may have: as many as any client may send.
func mostTokens(c config.Limits) int {
	most := Limits(c).MostTokens()
	for name := range c.Clients {
		own := Limits(c.Of(name)).MostTokens()
		if own == 0 || most == 0 {
			return 0
		}
		most = max(most, own)
	}
	return most
}
