package userclient

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// AccountMail is an e-mail about an account.
type AccountMail struct {
	UserID      int64
	Purpose     string
	Address     string
	Username    string
	DisplayName string
	ExpiresAt   time.Time
}

// AccountMail returns an e-mail by its ID. ok is false if it need not be sent.
func (c *Client) AccountMail(ctx context.Context, id string) (mail AccountMail, ok bool, err error) {
	response, err := AccountMails(ctx, c.peer, []string{id})
	if err != nil || len(response.AccountMails) == 0 || response.AccountMails[0] == nil {
		return AccountMail{}, false, err
	}
	found := response.AccountMails[0]
	user, err := strconv.ParseInt(found.UserId, 10, 64)
	if err != nil {
		return AccountMail{}, false, fmt.Errorf("the user service returned the user ID %q: %w", found.UserId, err)
	}
	return AccountMail{
		UserID: user, Purpose: found.Purpose, Address: found.Address,
		Username: found.Username, DisplayName: found.DisplayName, ExpiresAt: found.ExpiresAt,
	}, true, nil
}

// AddToken registers the hash of a token that is about to be sent with an
// e-mail. ok is false if the e-mail is of no use any more.
func (c *Client) AddToken(ctx context.Context, mail, hash string) (ok bool, err error) {
	response, err := AddAccountToken(ctx, c.peer, mail, hash)
	if err != nil {
		return false, err
	}
	return response.AddAccountToken, nil
}
