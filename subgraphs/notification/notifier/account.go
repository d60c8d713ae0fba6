package notifier

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/notification/deliver"
	"souk/subgraphs/notification/message"
)

// tellAccount creates the notification for an e-mail about an account. The user
// service says whether there is anything to send.
func (s *Service) tellAccount(ctx context.Context, tx pgx.Tx, e events.Event) error {
	var data struct {
		MailID string `json:"mailId"`
	}
	if err := e.Decode(&data); err != nil {
		return events.Permanent(err)
	}
	mail, ok, err := s.Users.AccountMail(ctx, data.MailID)
	if err != nil {
		return unavailable(err)
	}
	if !ok || s.Channels[Email] == nil {
		return nil
	}
	text, err := s.Writer.Account(mail.Purpose, message.Account{Username: mail.Username, Name: mail.DisplayName, ExpiresAt: mail.ExpiresAt.UTC()})
	if err != nil {
		return events.Permanent(err)
	}
	n := Notification{
		EventID: e.ID, UserID: mail.UserID, Template: mail.Purpose, Channel: Email, Recipient: mail.Address, traceparent: traceparent(ctx),
	}
	if message.HasToken(mail.Purpose) {
		n.mailID = &data.MailID
	}
	return s.insert(ctx, tx, n, text)
}

// Errors that end an attempt to send an e-mail with a token. They are shown to
// users, so the cause is only in the log.
var (
	errTokenUnknown = errors.New("the user service is unavailable, so the token could not be registered")
	errTokenUseless = deliver.Permanent(errors.New("the e-mail is of no use any more: it has expired, or its token was used or revoked"))
)

// insertToken puts a new token into an e-mail that needs one. Only the e-mail
// has it: the user service gets its hash. If the e-mail is sent again, because
// nobody knows whether it arrived, it has another token, and both are valid.
func (s *Service) insertToken(ctx context.Context, n *Notification) error {
	if n.mailID == nil {
		return nil
	}
	token := rand.Text() // 128 bits
	hash := sha256.Sum256([]byte(token))
	ok, err := s.Users.AddToken(ctx, *n.mailID, hex.EncodeToString(hash[:]))
	if err != nil {
		s.Logger.WarnContext(ctx, "could not register the token of an e-mail", "notification", n.ID, "error", err)
		return errTokenUnknown
	}
	if !ok {
		return errTokenUseless
	}
	n.Body, n.HTML = strings.ReplaceAll(n.Body, message.Token, token), strings.ReplaceAll(n.HTML, message.Token, token)
	return nil
}
