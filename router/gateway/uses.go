package gateway

import (
	"time"

	"souk/router/gateway/config"
	"souk/router/internal/clientname"
	"souk/router/usage"
)

// deprecations returns the configured dates of deprecated elements.
func deprecations(list []config.Deprecation) map[string]usage.Dates {
	dates := map[string]usage.Dates{}
	for _, d := range list {
		since, _ := time.Parse(time.DateOnly, d.Since) // config.Check has checked them
		sunset, _ := time.Parse(time.DateOnly, d.Sunset)
		dates[d.Coordinate] = usage.Dates{Since: since, Sunset: sunset}
	}
	return dates
}

// use counts what an operation that is about to be executed uses of the schema, and reports it.
func (x *exchange) use(p *prepared) {
	uses := p.program.Uses
	if uses == nil {
		return
	}
	p.given = uses.Given(nil, p.vars)
	if x.seen != nil {
		x.seen.Uses, x.seen.Given = uses, p.given
	}
	if !x.config.Telemetry.Deprecated {
		return
	}
	name, version := "", ""
	count := func(coordinate string) {
		if name == "" {
			name, version = x.client()
		}
		x.metrics.Deprecated(coordinate, name, version).Inc()
	}
	for _, coordinate := range uses.Deprecated {
		count(coordinate)
	}
	for _, coordinate := range p.given {
		if uses.IsDeprecated(coordinate) {
			count(coordinate)
		}
	}
}

// unnamed is the name of a client that does not tell its name.
const unnamed = "_unnamed"

// client returns the name and version of the client, for metrics.
func (x *exchange) client() (name, version string) {
	if name, version = clientname.Of(x.r.Header); name == "" {
		return unnamed, ""
	}
	return name, version
}
