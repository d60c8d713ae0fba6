package execute

import (
	"fmt"
	"math"
	"strings"
	"sync"
)

// A declaredType is the type of a field as the schema declares it: [Product!]!. All programs of an
// executor share it.
type declaredType struct {
	name string // of the named type
	// nonNull states, for each list level from the outside and last for the
	// named type, whether it is non-null.
	nonNull []bool
}

// declaredTypes has the types that plans name. The schema bounds their number.
type declaredTypes struct{ byText sync.Map } // the text to *declaredType

// of returns the type with a text.
func (d *declaredTypes) of(text string) (*declaredType, error) {
	if known, ok := d.byText.Load(text); ok {
		return known.(*declaredType), nil
	}
	levels := strings.Count(text, "[") + 1
	if levels > math.MaxUint16 {
		return nil, fmt.Errorf("a type has %d lists around another; at most %d can be told apart", levels-1, math.MaxUint16-1)
	}
	made := &declaredType{nonNull: make([]bool, levels)}
	rest := strings.Clone(text) // a plan must not stay in memory for its types
	text = rest
	made.name = namedType(rest)
	for i := range made.nonNull {
		if strings.HasSuffix(rest, "!") {
			made.nonNull[i] = true
			rest = rest[:len(rest)-1]
		}
		rest = strings.TrimSuffix(rest, "]")
	}
	known, _ := d.byText.LoadOrStore(text, made)
	return known.(*declaredType), nil
}

// namedType returns the T of "[T!]!".
func namedType(t string) string { return strings.Trim(t, "[]!") }

// lists is the number of list types around the named type.
func (d *declaredType) lists() uint16 { return uint16(len(d.nonNull) - 1) }
