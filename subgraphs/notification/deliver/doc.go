// Package deliver hands a message over: an e-mail to an SMTP server, an SMS to
// an HTTP webhook. It tries once; whether to try again is the caller's, who
// learns from IsPermanent if that is of use.
//
// A message carries an id that is the same at every try (Message-ID of an
// e-mail, webhook-id and Idempotency-Key of an SMS), so that receivers can tell
// a repetition from another message.
package deliver
