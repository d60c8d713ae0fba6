// Package cli is the command line of souk: it turns arguments, environment and
// files into calls of the packages that do the work.
package cli
