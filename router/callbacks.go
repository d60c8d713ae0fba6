package router

import (
	"maps"
	"net/http"
	"strings"

	"souk/router/internal/body"
	"souk/router/subgraph"
)

// handlers returns the further handlers of the public port: those of the program, and the one for
// subscriptions by HTTP callback unless that has a port of its own.
func (r *Router) handlers() map[string]http.Handler {
	c := r.config.Subscriptions
	r.callbacks = http.NotFoundHandler()
	if !c.Enabled || !c.UsesCallback() {
		return r.options.Handlers
	}
	pattern := "POST " + strings.TrimSuffix(c.Callback.Path, "/") + "/{id}"
	handler := r.shared.callbacks.Handler(body.NewReader(body.Limits{
		Bytes: c.Callback.MaxMessageBytes, Timeout: r.config.Limits.BodyTimeout, Memory: r.memory,
	}))
	if c.Callback.Listen != "" {
		mux := http.NewServeMux()
		mux.Handle(pattern, handler)
		r.callbacks = mux
		return r.options.Handlers
	}
	all := map[string]http.Handler{pattern: handler}
	maps.Copy(all, r.options.Handlers)
	return all
}

// callbackHandler returns the handler of the port in subscriptions.callback.listen.
func (r *Router) callbackHandler() http.Handler { return r.callbacks }

// callback returns the settings of subscriptions by HTTP callback.
func (r *Router) callback() subgraph.Callback {
	c := r.config.Subscriptions.Callback
	return subgraph.Callback{Receiver: r.shared.callbacks, URL: c.PublicURL, Heartbeat: c.Heartbeat, MaxSubscriptions: c.MaxSubscriptions}
}
