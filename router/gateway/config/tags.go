package config

import (
	"reflect"
	"sync"
)

// A field is one of a block of the configuration. Its tags say what values it may have.
type field struct {
	key          string
	requiredWith string
	tags         tags
}

// tags are those of a field that say what values it may have.
type tags struct{ min, max, enum, format, empty string }

// fields has the fields of each type of a block, as []field by [reflect.Type]. The standard library
// reads a tag from its start each time, and the descriptions in these are long.
var fields sync.Map

// fieldsOf returns the fields of a struct, in their order.
func fieldsOf(t reflect.Type) []field {
	if known, ok := fields.Load(t); ok {
		return known.([]field)
	}
	list := make([]field, t.NumField())
	for i := range list {
		tag := t.Field(i).Tag
		list[i] = field{
			key: tag.Get("yaml"), requiredWith: tag.Get("required_with"),
			tags: tags{min: tag.Get("min"), max: tag.Get("max"), enum: tag.Get("enum"), format: tag.Get("format"), empty: tag.Get("empty")},
		}
	}
	fields.Store(t, list)
	return list
}
