package limit

import (
	"strings"

	"souk/router/operation"
)

// introspectionWeight is what an object of introspection costs. It comes from
// memory, not from a subgraph.
const introspectionWeight = 0.02

// introspectionSizes are the lengths assumed of lists in introspection, where a
// type has more of them than this only now and then.
var introspectionSizes = map[string]float64{
	"directives": 10, "fields": 8, "args": 2, "inputFields": 4, "interfaces": 1, "enumValues": 5, "possibleTypes": 2,
}

// introspection is the cost of a __schema or __type field with all that is
// selected in it: each alias counts, and lists in lists multiply.
func (c *compiler) introspection(s *operation.Field) float64 {
	cost := introspectionWeight
	for _, selection := range s.Selections {
		cost += c.introspected(selection)
	}
	size := 1.0
	if s.Name == "types" {
		size = float64(len(c.model.Types()))
	} else if assumed, ok := introspectionSizes[s.Name]; ok {
		size = assumed
	}
	return min(cost*size, maxCost)
}

func (c *compiler) introspected(selection operation.Selection) (cost float64) {
	switch s := selection.(type) {
	case *operation.Field:
		if len(s.Selections) > 0 {
			return c.introspection(s)
		}
	case *operation.InlineFragment:
		for _, inner := range s.Selections {
			cost += c.introspected(inner)
		}
	}
	return cost
}

func introspects(s *operation.Field) bool {
	return strings.HasPrefix(s.Name, "__") && len(s.Selections) > 0
}
