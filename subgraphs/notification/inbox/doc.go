// Package inbox receives messages during development, in place of real mail
// servers and SMS providers. It is an SMTP server that accepts every e-mail
// (smtp.go), a webhook that accepts every SMS (POST /sms), and a page that
// shows them (GET /, or GET /api/messages for JSON; page.go). It keeps the
// newest messages in memory; inbox.go is the hub.
//
// A message that arrives again, recognised by its Message-ID or webhook-id,
// counts as another delivery of the same message. This makes duplicates
// visible.
package inbox
