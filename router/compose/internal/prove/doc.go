// Package prove checks that all fields of a supergraph can be resolved, and is fast when
// only a part of the supergraph has changed since the last check.
//
// The hub is prove.go. affected.go finds the types for which the last check does not
// hold any more, and part.go makes the part of the supergraph that has to be checked.
package prove
