package message

import "time"

// The names of the templates about accounts. They are for e-mail only.
const (
	ConfirmEmail    = "confirm-email"
	ResetPassword   = "reset-password"
	EmailChanged    = "email-changed"
	PasswordChanged = "password-changed"
)

// Token stands for the token in what is stored of an e-mail. The token itself
// is put in when the e-mail is sent, and kept nowhere.
const Token = "\u2022\u2022\u2022\u2022\u2022\u2022\u2022\u2022"

// Account is the data of an account that templates can use. Who reads an e-mail
// with a token may not be who wrote Name, so only the others use it.
type Account struct {
	Username  string
	Name      string
	ExpiresAt time.Time // of the token
}

// Token returns what stands for the token.
func (Account) Token() string { return Token }

// HasToken reports whether the e-mails of a template have a token.
func HasToken(template string) bool { return template == ConfirmEmail || template == ResetPassword }

// Account renders a template about an account as an e-mail.
func (w *Writer) Account(template string, a Account) (Text, error) {
	a.Name = addressee(a.Name)
	return w.email(template, a)
}
