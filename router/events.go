package router

import (
	"context"
	"net/http"
	"sync"
	"time"

	"souk/router/console"
	"souk/router/console/events"
)

// events returns the handler for the console's endpoints about events, or nil if there is no
// source of them. It polls the source until the router is closed.
func (r *Router) events() http.Handler {
	source, c := r.options.Events, r.config.Admin.Console.Events
	if source == nil && len(c.Services) > 0 {
		source = &events.Services{URLs: c.Services, Token: c.Token}
	}
	if source == nil {
		return nil
	}
	monitor := events.NewMonitor(source, time.Now, r.options.Telemetry.Logger)
	ctx, cancel := context.WithCancel(context.Background())
	var polling sync.WaitGroup
	polling.Go(func() { monitor.Run(ctx) })
	r.closers = append(r.closers, func() error {
		cancel()
		polling.Wait()
		return nil
	})
	return monitor.Handler(console.Prefix + "api/")
}
