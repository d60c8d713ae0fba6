// Package usage says which elements of the schema operations use: fields, arguments, input
// fields and enum values, and which of them are deprecated.
//
// The hub is elements.go: the [Elements] of an operation are found once, when its plan is
// compiled. variables.go adds those that only the values of variables use. dates.go reads the
// dates of deprecated elements, for the headers Deprecation and Sunset. counts.go counts
// elements by client in bounded memory, exporter.go writes the counts at intervals, document.go
// is their JSON form, and files.go the files for souk schema check --usage.
package usage
