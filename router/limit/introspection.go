package limit

import (
	"strings"

	"souk/router/operation"
)

// introspectionWeight is the cost of an introspection object. It is low because
// the gateway answers from memory.
const introspectionWeight = 0.02

// introspectionSizes are the assumed lengths of lists in introspection. They are
// upper bounds for most types.
var introspectionSizes = map[string]float64{
	"directives": 10, "fields": 8, "args": 2, "inputFields": 4, "interfaces": 1, "enumValues": 5, "possibleTypes": 2,
}

// introspection returns the cost of a __schema or __type field with its selection
// set. Each alias counts, and nested lists multiply.
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

// introspected returns the cost of a selection inside introspection.
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

// introspects reports whether s is a __schema or __type field.
func introspects(s *operation.Field) bool {
	return strings.HasPrefix(s.Name, "__") && len(s.Selections) > 0
}
