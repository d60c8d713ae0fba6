// Package account keeps the user service's people: their accounts, passwords
// and sessions, and the keys that sign their tokens. It takes validated or
// unvalidated input alike and answers with its own types, or with the typed
// errors of package schema; who may call what is decided by its caller.
package account
