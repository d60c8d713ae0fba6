package deliver

import "errors"

// Message is a message to deliver.
type Message struct {
	ID      string // the same in every attempt
	To      string // an e-mail address, or a telephone number in E.164 form
	Subject string // e-mail only
	Body    string
	HTML    string // e-mail only; empty for a plain text message
}

// permanentError marks a failure that a retry cannot fix.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error as one that a retry cannot fix.
func Permanent(err error) error { return permanentError{err} }

// IsPermanent reports whether the receiver rejected the message permanently.
func IsPermanent(err error) bool {
	var permanent permanentError
	return errors.As(err, &permanent)
}
