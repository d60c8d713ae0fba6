package router

import "souk/internal/users"

// inUse is a router and its requests in progress.
type inUse struct {
	*Router
	users *users.Count
	// idle is closed when new requests go to another router and none is left.
	idle chan struct{}
}

func newInUse(r *Router) *inUse {
	u := &inUse{Router: r, idle: make(chan struct{})}
	u.users = users.New(func() { close(u.idle) })
	return u
}
