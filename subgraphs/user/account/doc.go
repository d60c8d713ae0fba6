// Package account stores users: their accounts, passwords and sessions, and
// the keys that sign access tokens. It validates its input and returns its own
// types, or the typed errors of package schema. It does not check permissions;
// its callers, the resolvers in package graph, do.
//
// service.go is the hub: it defines Service and manages accounts (user.go
// defines and validates them, admin.go creates the first administrator, erase.go
// empties accounts). session.go logs users in and out and refreshes sessions,
// protected by attempts.go and password.go. email.go confirms and changes
// e-mail addresses, and reset.go resets forgotten passwords, both with tokens
// that the notification service sends in e-mails (mail.go). keyring.go signs tokens.
// session_state.go answers other services' questions about sessions, and
// cleanup.go deletes expired rows. import.go writes
// many accounts at once.
package account
