// Package processgroup ends the processes that a command starts together with it.
//
// processgroup_unix.go uses process groups. Other systems have none (processgroup_other.go): there
// a command ends alone.
package processgroup
