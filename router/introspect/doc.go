// Package introspect answers the fields __schema and __type (spec, section 4)
// from the API schema. It takes a field of an operation and gives its value as
// JSON; the executor puts it where the plan's projection has the field.
package introspect
