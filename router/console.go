package router

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/url"

	"souk/internal/hostcheck"
	"souk/router/console"
	"souk/router/console/page"
	"souk/router/gateway/config"
	"souk/router/operation"
)

// addConsole serves the console on the admin port if it is enabled.
func (r *Router) addConsole(mux *http.ServeMux) error {
	if !r.config.HasConsole() {
		return nil
	}
	c := r.config
	// For a configuration file, config.Check has reported this with its position.
	if c.Admin.Console.Token == "" && !c.Dev {
		return errors.New("admin.console.enabled needs admin.console.token; only development mode (dev) serves the console without a token")
	}
	o := console.Options{
		Gateway:     r.gateway,
		Page:        page.New(console.Prefix),
		Token:       c.Admin.Console.Token,
		Dev:         c.Dev,
		Hosts:       hostcheck.New(c.Admin.Listen),
		PublicPort:  r.publicPort,
		Path:        c.Path,
		SubgraphURL: func(name, url string) string { return shownURL(cmp.Or(c.OverrideSubgraphURLs[name], url)) },
		Limits:      consoleLimits(c),
		Version:     r.options.Version,
		Started:     r.started,

		MaxBodyBytes: int64(c.Limits.MaxBodyBytes),
	}
	if c.Playground.Enabled || c.Dev {
		o.PlaygroundPath = c.Playground.Path
	}
	mux.Handle(console.Prefix, console.New(o))
	mux.Handle("GET "+console.Prefix[:len(console.Prefix)-1], http.RedirectHandler(console.Prefix, http.StatusFound))
	return nil
}

func consoleLimits(c config.Config) console.Limits {
	l := c.Limits
	out := console.Limits{Limits: operation.Limits{
		Tokens: l.MaxTokens, Depth: l.MaxDepth, Aliases: l.MaxAliases, RootFields: l.MaxRootFields, Directives: l.MaxDirectives,
		Fields: l.MaxFields, ListItems: l.MaxListItems,
	}}
	if c.DemandControl.Enabled {
		out.Cost = c.DemandControl.Max
	}
	return out
}

// shownURL returns a URL without its credentials and query, which may hold secrets.
func shownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery = nil, ""
	return u.String()
}

// publicPort returns the port that the public endpoint listens on.
func (r *Router) publicPort() string {
	address := r.config.Listen
	if a := r.address.Load(); a != nil {
		address = *a
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	return port
}
