// Package deliver hands a message to the outside world: an e-mail to an SMTP
// server (email.go), an SMS to an HTTP webhook (sms.go). deliver.go defines messages and
// permanent errors. Each call makes one
// attempt. The caller decides whether to retry; IsPermanent tells it whether
// that can help.
//
// A message carries an ID that is the same in every attempt: the Message-ID of
// an e-mail, the webhook-id and Idempotency-Key of an SMS. Receivers use it to
// drop duplicates.
package deliver
