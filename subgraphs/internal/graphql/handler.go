package graphql

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/transport"

	"souk/jwks"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/server"
)

// Limits of one request. The router sends the largest ones: hundreds of
// entities as variables of an operation that merges several.
const (
	maxBody       = 8 << 20 // bytes
	maxTokens     = 50_000
	maxComplexity = 250_000  // fields, with the lengths of lists
	maxDocuments  = 16 << 20 // bytes of parsed documents kept
	maxDepth      = 110      // levels of fields: the router allows 100
	// maxListItems bounds lists that clients give as arguments, maxEntities
	// those of representations, of which the router sends the most.
	maxListItems = 1_000
	maxEntities  = 20_000
)

// keepAlive is how often a subscription says that it is still there.
const keepAlive = 15 * time.Second

// New makes the handler of a service's schema. The Authenticator finds out who
// calls; see Authenticator.
func New(r server.Resources, schema graphql.ExecutableSchema, who *identity.Authenticator) http.Handler {
	h := handler.New(measured{schema})
	h.AddTransport(transport.Websocket{
		KeepAlivePingInterval: keepAlive,
		InitFunc:              initWebsocket(who),
	})
	h.AddTransport(transport.SSE{KeepAlivePingInterval: keepAlive})
	h.AddTransport(transport.Options{})
	h.AddTransport(transport.GET{})
	h.AddTransport(transport.POST{})
	h.SetQueryCache(newDocuments(maxDocuments))
	h.SetParserTokenLimit(maxTokens)
	h.Use(extension.Introspection{})
	h.Use(bounds{})
	h.Use(refusals{})
	h.Use(extension.FixedComplexityLimit(maxComplexity))
	if r.Telemetry.Traces() {
		h.Use(tracing{r.Telemetry.TracerProvider.Tracer("souk/subgraphs/internal/graphql")})
	}
	h.SetErrorPresenter(presenter(r.Logger))
	h.SetRecoverFunc(func(_ context.Context, value any) error {
		return fmt.Errorf("panic: %v\n%s", value, debug.Stack())
	})
	return limitBody(who.Middleware(h))
}

// Authenticator is the one a service other than the user service needs: it
// takes the keys from the user service.
func Authenticator(r server.Resources) *identity.Authenticator {
	return AuthenticatorWith(r, jwks.New(jwks.Options{
		URL:     r.Services["user"] + identity.JWKSPath,
		Client:  &http.Client{Transport: r.Telemetry.Transport(nil)},
		Refresh: 5 * time.Minute,
		Pause:   5 * time.Second,
		Logger:  r.Logger,
		Now:     r.Now,
	}))
}

// AuthenticatorWith takes the keys from elsewhere.
func AuthenticatorWith(r server.Resources, keys jwks.Source) *identity.Authenticator {
	return &identity.Authenticator{
		Keys:         keys,
		ServiceToken: r.ServiceToken,
		Tutorial:     r.AuthMode == server.Tutorial,
		Now:          r.Now,
		Logger:       r.Logger,
	}
}

// initWebsocket takes the caller from the message that opens a connection,
// where browsers have to put it: they cannot set headers.
func initWebsocket(who *identity.Authenticator) transport.WebsocketInitFunc {
	return func(ctx context.Context, payload transport.InitPayload) (context.Context, *transport.InitPayload, error) {
		ctx = overSocket(ctx)
		if token := payload.Authorization(); token != "" {
			caller, err := who.Caller(ctx, http.Header{"Authorization": {token}})
			if err != nil {
				return nil, nil, err
			}
			ctx = identity.With(ctx, caller)
		}
		return ctx, nil, nil
	}
}

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}
