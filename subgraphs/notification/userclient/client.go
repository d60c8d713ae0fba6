// Package userclient is the notification service's client of the user service,
// which knows people's addresses: GraphQL over HTTP, with types that genqlient
// generates from the user schema, sent through package peer.
package userclient

//go:generate go run github.com/Khan/genqlient genqlient.yaml

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"souk/subgraphs/internal/peer"
)

// Client calls the user service.
type Client struct{ peer *peer.Client }

// New returns a client of the service at a base URL.
func New(baseURL, token string, transport http.RoundTripper) *Client {
	return &Client{peer.New("user", baseURL, token, transport)}
}

// Contact is how a person can be reached.
type Contact struct {
	Name  string
	Email string
	// EmailConfirmed says that the person has proved to read Email.
	EmailConfirmed bool
	Phone          string // E.164; empty for none
	// Erased says that the account was erased. The rest is then empty.
	Erased bool
}

// Contact returns a user's contact. ok is false if the user does not exist.
func (c *Client) Contact(ctx context.Context, user int64) (contact Contact, ok bool, err error) {
	found, err := c.Contacts(ctx, []int64{user})
	contact, ok = found[user]
	return contact, ok, err
}

// Contacts returns the contacts of users. Those that do not exist are missing.
func (c *Client) Contacts(ctx context.Context, users []int64) (map[int64]Contact, error) {
	ids := make([]string, len(users))
	for i, user := range users {
		ids[i] = strconv.FormatInt(user, 10)
	}
	response, err := Contacts(ctx, c.peer, ids)
	if err != nil {
		return nil, err
	}
	if len(response.Contacts) != len(users) { // whose is which is unknown
		return nil, fmt.Errorf("the user service returned %d contacts for %d users; are both services of the same release?", len(response.Contacts), len(users))
	}
	contacts := make(map[int64]Contact, len(users))
	for i, found := range response.Contacts {
		if found == nil {
			continue
		}
		contact := Contact{Name: found.DisplayName, Email: found.Email, EmailConfirmed: found.EmailConfirmed, Erased: found.Erased}
		if found.Phone != nil {
			contact.Phone = *found.Phone
		}
		contacts[users[i]] = contact
	}
	return contacts, nil
}
