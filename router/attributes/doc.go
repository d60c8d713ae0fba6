// Package attributes computes values of operations that the configuration names
// (telemetry.attributes), for spans, instruments and the access log.
//
// The hub is attributes.go: a [Set] has the attributes, and a [Source] what they come from.
// [Middleware] keeps the headers of a request for the operations in it. conditions.go has
// conditions on attributes, and observe.go sets the attributes of spans and records instruments.
package attributes
