// Package graph holds the resolvers of the notification subgraph. They parse
// IDs, decide what the caller may see, and call package notifier.
// souk/subgraphs/internal/generate generates the rest of the package.
package graph

import (
	"context"
	"strconv"

	"souk/subgraphs/internal/batch"
	"souk/subgraphs/internal/connection"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/schema"
	"souk/subgraphs/notification/notifier"
)

// Resolver is the root of the resolvers.
type Resolver struct {
	Notifier *notifier.Service
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// parseID parses an ID: a positive integer without sign or leading zeros.
func parseID(text string) (int64, bool) {
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id > 0 && formatID(id) == text
}

// visible returns those of the notifications that exist and that the caller
// may see, by ID.
func (r *Resolver) visible(ctx context.Context, ids []string) (map[string]notifier.Notification, error) {
	caller := identity.From(ctx)
	numbers := make([]int64, 0, len(ids))
	for _, id := range ids {
		if n, ok := parseID(id); ok {
			numbers = append(numbers, n)
		}
	}
	found, err := r.Notifier.ByID(ctx, numbers)
	if err != nil {
		return nil, err
	}
	shown := make(map[string]notifier.Notification, len(found))
	for id, n := range found {
		if caller.MaySee(formatID(n.UserID)) {
			shown[formatID(id)] = n
		}
	}
	return shown, nil
}

func newNotification(n notifier.Notification) Notification {
	if n.Channel == notifier.SMS {
		return newSMS(n)
	}
	return newEmail(n)
}

func newEmail(n notifier.Notification) *EmailNotification {
	return &EmailNotification{
		ID: formatID(n.ID), User: &User{ID: formatID(n.UserID)}, Order: newOrder(n.OrderID), Template: n.Template,
		Status: NotificationStatus(n.Status), Attempts: n.Attempts, LastError: n.LastError, Body: n.Body,
		CreatedAt: n.CreatedAt, SentAt: n.SentAt, Subject: n.Subject, To: n.Recipient,
	}
}

func newSMS(n notifier.Notification) *SmsNotification {
	return &SmsNotification{
		ID: formatID(n.ID), User: &User{ID: formatID(n.UserID)}, Order: newOrder(n.OrderID), Template: n.Template,
		Status: NotificationStatus(n.Status), Attempts: n.Attempts, LastError: n.LastError, Body: n.Body,
		CreatedAt: n.CreatedAt, SentAt: n.SentAt, Phone: n.Recipient,
	}
}

func newOrder(id *int64) *Order {
	if id == nil {
		return nil
	}
	return &Order{ID: formatID(*id)}
}

func newConnection(page connection.Page[int64], list []notifier.Notification, total int) (*NotificationConnection, error) {
	cut, err := connection.NewSlice(page, list, func(n notifier.Notification) int64 { return n.ID })
	if err != nil {
		return nil, err
	}
	c := &NotificationConnection{
		Edges:      make([]*NotificationEdge, len(cut.Nodes)),
		Nodes:      make([]Notification, len(cut.Nodes)),
		PageInfo:   cut.Info,
		TotalCount: total,
	}
	for i, n := range cut.Nodes {
		c.Nodes[i] = newNotification(n)
		c.Edges[i] = &NotificationEdge{Cursor: cut.Cursors[i], Node: c.Nodes[i]}
	}
	return c, nil
}

// filter returns the filter for the notifications that the caller may list. ok
// is false if that is none.
func filter(ctx context.Context, userID, orderID *string, status *NotificationStatus) (f notifier.Filter, ok bool) {
	caller := identity.From(ctx)
	if userID == nil && !caller.IsAdmin() {
		userID = &caller.UserID
	}
	if userID != nil {
		id, valid := parseID(*userID)
		if !valid || !caller.MaySee(*userID) {
			return f, false
		}
		f.UserID = &id
	}
	if orderID != nil {
		id, valid := parseID(*orderID)
		if !valid {
			return f, false
		}
		f.OrderID = &id
	}
	f.Status = (*notifier.Status)(status)
	return f, true
}

// emptyPage is the result for a caller who may see no notifications.
func emptyPage() *NotificationConnection {
	return &NotificationConnection{Edges: []*NotificationEdge{}, Nodes: []Notification{}, PageInfo: &schema.PageInfo{}}
}

// userRead identifies reads of the same page of users' notifications.
type userRead struct {
	page  connection.Key
	count bool
}

// userPages returns the same page of the notifications of several users. It
// reads them in one query, and their totals in a second one if the operation
// selects them.
func (r *Resolver) userPages(ctx context.Context, users []*User, a connection.Arguments) ([]*NotificationConnection, error) {
	page, err := connection.Parse[int64](notifier.SortOrder, a)
	if err != nil {
		return nil, err
	}
	caller := identity.From(ctx)
	numbers := make([]int64, len(users)) // 0, which has no notifications, if the caller may see none
	for i, user := range users {
		if id, ok := parseID(user.ID); ok && caller.MaySee(user.ID) {
			numbers[i] = id
		}
	}
	read := userRead{a.Key(), connection.Requested(ctx, "totalCount")}
	return batch.Load(ctx, read, numbers, func(ctx context.Context, ids []int64) (map[int64]*NotificationConnection, error) {
		pages, err := r.Notifier.UserPages(ctx, ids, page)
		if err != nil {
			return nil, err
		}
		var counts map[int64]int
		if read.count {
			if counts, err = r.Notifier.UserCounts(ctx, ids); err != nil {
				return nil, err
			}
		}
		connections := make(map[int64]*NotificationConnection, len(ids))
		for _, id := range ids {
			if connections[id], err = newConnection(page, pages[id], counts[id]); err != nil {
				return nil, err
			}
		}
		return connections, nil
	})
}

// orderRead identifies reads of the notifications of orders.
type orderRead struct{}

// byOrder returns those notifications of orders that the caller may see. The
// lists are never nil.
func (r *Resolver) byOrder(ctx context.Context, orders []*Order) ([][]Notification, error) {
	caller := identity.From(ctx)
	numbers := make([]int64, len(orders))
	for i, o := range orders {
		numbers[i], _ = parseID(o.ID) // 0 has no notifications
	}
	return batch.Load(ctx, orderRead{}, numbers, func(ctx context.Context, ids []int64) (map[int64][]Notification, error) {
		found, err := r.Notifier.ByOrder(ctx, ids)
		if err != nil {
			return nil, err
		}
		lists := make(map[int64][]Notification, len(ids))
		for _, id := range ids {
			lists[id] = []Notification{}
			for _, n := range found[id] {
				if caller.MaySee(formatID(n.UserID)) {
					lists[id] = append(lists[id], newNotification(n))
				}
			}
		}
		return lists, nil
	})
}

// entities resolves representations by ID. Entities that the caller may not
// see, or that belong to the other channel, stay nil.
func entities[R, E any](ctx context.Context, r *Resolver, reps []R, id func(R) *string, entity func(notifier.Notification) (E, bool)) ([]E, error) {
	ids := make([]string, len(reps))
	for i, rep := range reps {
		ids[i] = *id(rep)
	}
	shown, err := r.visible(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make([]E, len(reps))
	for i := range reps {
		if n, ok := shown[ids[i]]; ok {
			if e, right := entity(n); right {
				found[i] = e
			}
		}
	}
	return found, nil
}
