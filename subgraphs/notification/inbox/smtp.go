package inbox

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"

	"github.com/emersion/go-smtp"
)

func (b *Inbox) newSMTPServer() *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{inbox: b}, nil
	}))
	s.Domain = "inbox.local"
	s.MaxMessageBytes = maxMessageBytes
	s.MaxRecipients = 50
	s.ReadTimeout, s.WriteTimeout = ioTimeout, ioTimeout
	s.EnableSMTPUTF8 = true
	s.ErrorLog = log.New(io.Discard, "", 0) // clients get their errors as SMTP replies
	return s
}

// session is an SMTP session. It receives the messages of one connection.
type session struct {
	inbox      *Inbox
	from       string
	recipients []string
}

// Reset implements smtp.Session.
func (s *session) Reset() { s.from, s.recipients = "", nil }

// Logout implements smtp.Session.
func (s *session) Logout() error { return nil }

// Mail implements smtp.Session.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.recipients = append(s.recipients, to)
	return nil
}

// Data implements smtp.Session.
func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m, err := parse(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "The message is invalid: " + err.Error()}
	}
	m.Channel = "email"
	if m.From == "" {
		m.From = s.from
	}
	for _, to := range s.recipients {
		m.To = to
		s.inbox.add(m)
	}
	return nil
}

// parse parses an e-mail (RFC 5322) into the fields that the page shows.
func parse(raw []byte) (Message, error) {
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, err
	}
	words := new(mime.WordDecoder)
	decode := func(name string) string {
		text, err := words.DecodeHeader(parsed.Header.Get(name))
		if err != nil {
			return parsed.Header.Get(name)
		}
		return text
	}
	m := Message{ID: strings.Trim(parsed.Header.Get("Message-ID"), "<> "), From: decode("From"), Subject: decode("Subject")}
	if m.ID == "" {
		m.ID = rand.Text()
	}
	return m, m.read(parsed.Header.Get("Content-Type"), parsed.Header.Get("Content-Transfer-Encoding"), parsed.Body, 0)
}

// maxNesting bounds the nesting of multipart bodies.
const maxNesting = 5

// read adds the text of a part to the message.
func (m *Message) read(contentType, encoding string, body io.Reader, depth int) error {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") {
		if depth == maxNesting {
			return errors.New("multipart bodies are nested too deeply")
		}
		return m.readParts(multipart.NewReader(body, params["boundary"]), depth)
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return fmt.Errorf("reading a part of type %s: %w", kind, err)
	}
	switch kind {
	case "text/plain":
		m.Text += string(text)
	case "text/html":
		m.HTML += string(text)
	}
	return nil
}

func (m *Message) readParts(parts *multipart.Reader, depth int) error {
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the multipart body: %w", err)
		}
		if err := m.read(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part, depth+1); err != nil {
			return err
		}
	}
}
