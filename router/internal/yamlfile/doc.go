// Package yamlfile decodes the YAML files that people write: the configuration of the
// router and that of a composition. All problems of a file are reported at once, each with
// its line and column. An unknown key is a problem, and environment variables are expanded in values.
//
// The hub is decode.go. document.go parses the one document of a file, duplicate.go finds all
// duplicate keys, merge.go finds anchors and merges blocks, scalar.go decodes single values and
// expands references, whose positions position.go finds, syntax.go says
// what to do about syntax errors, error.go has the problems, and source.go the positions of keys.
package yamlfile
