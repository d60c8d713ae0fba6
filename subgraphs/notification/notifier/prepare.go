package notifier

import (
	"context"
	"maps"
	"slices"

	"souk/subgraphs/internal/events"
	"souk/subgraphs/notification/message"
	"souk/subgraphs/notification/userclient"
)

// contactsKey is the context key of the contacts that Prepare has asked for, by user.
type contactsKey struct{}

// Prepare asks the user service, once, for the contacts of all users that events of orders are for.
func (s *Service) Prepare(ctx context.Context, all []events.Event) (context.Context, error) {
	users := map[int64]bool{}
	for _, e := range all {
		var order message.Order
		if _, ok := templates[e.Type]; ok && e.Decode(&order) == nil { // otherwise, Handle says why
			users[order.UserID] = true
		}
	}
	if len(users) == 0 {
		return ctx, nil
	}
	contacts, err := s.Users.Contacts(ctx, slices.Sorted(maps.Keys(users)))
	if err != nil {
		return ctx, err
	}
	return context.WithValue(ctx, contactsKey{}, contacts), nil
}

// contact returns the contact of a user, which Prepare may have asked for.
func (s *Service) contact(ctx context.Context, user int64) (contact userclient.Contact, ok bool, err error) {
	if prepared, isPrepared := ctx.Value(contactsKey{}).(map[int64]userclient.Contact); isPrepared {
		contact, ok = prepared[user]
		return contact, ok, nil
	}
	return s.Users.Contact(ctx, user)
}
