package eventsource_test

import (
	"io"
	"strings"
	"testing"

	"souk/router"
	"souk/router/compose"
	"souk/router/gateway/config"
	"souk/telemetry"
)

// What a directive says is checked when the supergraph is composed or loaded. The error names the
// field and, at load, its place in the supergraph.
func TestInvalidStreamsAreReported(t *testing.T) {
	const order = `type Order @key(fields: "id", resolvable: false) { id: ID! total: Int }`
	for name, c := range map[string]struct{ fields, want string }{
		"an unknown provider":                {`f: Order @eventStream(provider: "nope", topic: "t")`, `Subscription.f: @eventStream: the provider "nope" is not in event_sources.providers of the router's configuration; configured are shop`},
		"no topic":                           {`f: Order @eventStream(provider: "shop", topic: "")`, `Subscription.f: @eventStream: the argument topic is missing`},
		"no provider":                        {`f: Order @eventStream(provider: "", topic: "t")`, `the argument provider is missing`},
		"an unknown argument in the topic":   {`f(id: ID!): Order @eventStream(provider: "shop", topic: "t.{args.code}")`, `the topic "t.{args.code}": Subscription.f has no argument "code"; it has id`},
		"a list in the topic":                {`f(ids: [ID!]): Order @eventStream(provider: "shop", topic: "{args.ids}")`, `args.ids is of the type [ID!]; it must be a scalar or an enum`},
		"a member that an input has not":     {`f(in: In): Order @eventStream(provider: "shop", topic: "{args.in.b}")`, `the type In has no member "b"`},
		"something else in braces":           {`f: Order @eventStream(provider: "shop", topic: "{id}")`, `{id} is not a reference to an argument`},
		"an open brace":                      {`f: Order @eventStream(provider: "shop", topic: "t{")`, `has a { without }`},
		"a space in the topic":               {`f: Order @eventStream(provider: "shop", topic: "a b")`, `has a space`},
		"an unknown argument in the filter":  {`f: Order @eventStream(provider: "shop", topic: "t", filter: "event.id == args.id")`, `at column 13: Subscription.f has no argument "id"`},
		"a filter that ends early":           {`f: Order @eventStream(provider: "shop", topic: "t", filter: "event.id ==")`, `at column 12: "" is not a value`},
		"a filter without a comparison":      {`f: Order @eventStream(provider: "shop", topic: "t", filter: "event.id")`, `a comparison is expected`},
		"a filter with something after it":   {`f: Order @eventStream(provider: "shop", topic: "t", filter: "event.id == 1)")`, `")" is not expected`},
		"a list":                             {`f: [Order] @eventStream(provider: "shop", topic: "t")`, `the field is of the type [Order]; an event is a single object`},
		"a scalar":                           {`f: Int @eventStream(provider: "shop", topic: "t")`, `the field is of the type Int; it must be an object type`},
		"a payload without the key":          {`f: Order @eventStream(provider: "shop", topic: "t", payload: "total")`, `"total" has no key of the type Order, so the router could not fetch its other fields; add one of: id`},
		"a payload with an unknown field":    {`f: Order @eventStream(provider: "shop", topic: "t", payload: "id nope")`, `argument payload`},
		"a type without a key, and a server": {`f: Plain @eventStream(provider: "shop", topic: "t") g: Order`, `the type Plain has no @key in the subgraph events by which the router could fetch what an event does not hold`},
	} {
		t.Run(name, func(t *testing.T) {
			sdl := eventsLink + `
				type Subscription { ` + c.fields + ` } input In { a: Int } type Plain { a: Int } ` + order
			if err := load(t, sdl); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "Subscription.f: @eventStream: ") || !strings.Contains(err.Error(), "line ") && !strings.HasPrefix(err.Error(), "INVALID_FEDERATION_SUPERGRAPH") {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// A directive of this name of another specification means nothing, and one that is imported
// under another name does.
func TestDirectiveIsKnownByItsSpecification(t *testing.T) {
	other := strings.ReplaceAll(eventsLink, "souk.dev/events/", "example.com/events/") + `
		type Subscription { f: T @eventStream(provider: "nope", topic: "t") } type T { a: Int }`
	if err := load(t, other); err != nil && strings.Contains(err.Error(), "provider") {
		t.Errorf("got %v", err)
	}
	renamed := strings.NewReplacer(`"@eventStream"]`, `{name: "@eventStream", as: "@feed"}]`, "@eventStream", "@feed").Replace(eventsLink)
	renamed = strings.ReplaceAll(renamed, `{name: "@feed"`, `{name: "@eventStream"`) + `
		type Subscription { f: T @feed(provider: "nope", topic: "t") } type T { a: Int }`
	if err := load(t, renamed); err == nil || !strings.Contains(err.Error(), `the provider "nope"`) {
		t.Errorf("got %v", err)
	}
	future := strings.ReplaceAll(eventsLink, "events/v1.0", "events/v2.0") + `
		type Subscription { f: T @eventStream(provider: "shop", topic: "t") } type T { a: Int }`
	if err := load(t, future); err == nil || !strings.Contains(err.Error(), "supported is https://souk.dev/events/v1.0") {
		t.Errorf("got %v", err)
	}
}

// load opens a router whose subgraph events has an SDL.
func load(t *testing.T, sdl string) error {
	t.Helper()
	composed, err := compose.Compose(t.Context(), []compose.Subgraph{
		{Name: "orders", URL: "http://127.0.0.1:1", SDL: ordersSDL}, {Name: "events", URL: "http://127.0.0.1:2", SDL: strings.ReplaceAll(sdl, "total: Int", "total: Int @shareable")},
	})
	if err != nil {
		return err //nolint:wrapcheck // the test reads it
	}
	tel, err := telemetry.Setup(t.Context(), telemetry.Options{ServiceName: "router", Writer: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := config.Default()
	c.EventSources.Providers = map[string]config.EventProvider{"shop": {Kind: "redis", Redis: config.Redis{URL: "redis://127.0.0.1:3"}}}
	r, err := router.New(t.Context(), c, router.Options{Supergraph: composed.SDL, Telemetry: tel})
	if err != nil {
		return err //nolint:wrapcheck // the test reads it
	}
	return r.Close() //nolint:wrapcheck // as above
}
