package deliver

import "errors"

// Message is what is handed over.
type Message struct {
	ID      string // the same at every try
	To      string // an address, or a number as E.164
	Subject string // of an e-mail
	Body    string
	HTML    string // of an e-mail; empty for none
}

// permanentError says that trying again is of no use.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// IsPermanent says whether the receiver has refused the message for good.
func IsPermanent(err error) bool {
	var permanent permanentError
	return errors.As(err, &permanent)
}
