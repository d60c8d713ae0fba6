package deliver

import (
	"context"
	"errors"
	"fmt"
	stdmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

// smtpTimeout bounds the delivery of one e-mail, including the connection.
const smtpTimeout = 10 * time.Second

// EmailSender sends e-mail by SMTP.
type EmailSender struct {
	client *mail.Client
	from   *stdmail.Address
	domain string // of the From address
}

// NewEmailSender returns a sender for an SMTP server and a From address such
// as "Souk <shop@souk.example>". The server is a URL:
// smtp://user:password@host:587 (STARTTLS if the server offers it;
// ?tls=required insists) or smtps://host:465 (implicit TLS).
func NewEmailSender(server, from string) (*EmailSender, error) {
	sender, err := stdmail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("the sender %q is not an e-mail address such as Souk <shop@souk.example>: %w", from, err)
	}
	host, options, err := parseSMTPURL(server)
	if err != nil {
		return nil, err
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("configuring SMTP for %s: %w", host, err)
	}
	_, domain, _ := strings.Cut(sender.Address, "@")
	return &EmailSender{client, sender, domain}, nil
}

func parseSMTPURL(server string) (host string, options []mail.Option, err error) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") {
		return "", nil, errors.New("the SMTP server is not a URL such as smtp://user:password@mail.example:587")
	}
	options = []mail.Option{mail.WithTimeout(smtpTimeout)}
	port := 25
	switch tls := u.Query().Get("tls"); {
	case u.Scheme == "smtps":
		port = 465
		options = append(options, mail.WithSSL())
	case tls == "required":
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case tls == "":
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	default:
		return "", nil, fmt.Errorf("the SMTP URL has tls=%s; use tls=required or leave it out", tls)
	}
	if text := u.Port(); text != "" {
		if port, err = strconv.Atoi(text); err != nil || port > 65535 {
			return "", nil, fmt.Errorf("the SMTP URL has the port %q; it must be a number from 0 to 65535", text)
		}
	}
	options = append(options, mail.WithPort(port))
	if u.User != nil {
		password, _ := u.User.Password()
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(u.User.Username()), mail.WithPassword(password))
	}
	return u.Hostname(), options, nil
}

// Send sends an e-mail.
func (m *EmailSender) Send(ctx context.Context, message Message) error {
	msg := mail.NewMsg()
	msg.FromMailAddress(m.from)
	if err := msg.To(message.To); err != nil {
		return permanentError{fmt.Errorf("the address %q is invalid: %w", message.To, err)}
	}
	msg.Subject(message.Subject)
	msg.SetDate()
	msg.SetMessageIDWithValue(message.ID + "@" + m.domain)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: suppresses automatic replies
	msg.SetBodyString(mail.TypeTextPlain, message.Body)
	if message.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, message.HTML)
	}
	err := m.client.DialAndSendWithContext(ctx, msg)
	if err == nil {
		return nil
	}
	if refused := (*mail.SendError)(nil); errors.As(err, &refused) && refused.ErrorCode() >= 500 {
		return permanentError{fmt.Errorf("the SMTP server rejected the e-mail: %w", err)}
	}
	return fmt.Errorf("sending an e-mail: %w", err)
}
