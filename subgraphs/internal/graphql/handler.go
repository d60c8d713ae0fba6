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
	"souk/subgraphs/internal/batch"
	"souk/subgraphs/internal/identity"
	"souk/subgraphs/internal/server"
	"souk/subgraphs/internal/session"
)

// Limits of a request. The router sends the largest requests: hundreds of
// entities in the variables of a merged operation.
const (
	maxBody       = 8 << 20 // bytes
	maxTokens     = 50_000
	maxComplexity = 250_000  // fields, multiplied by list lengths
	maxDocuments  = 16 << 20 // bytes of cached parsed documents
	maxDepth      = 110      // levels of fields; the router allows 100
	// maxListItems bounds the lists that clients pass as arguments,
	// maxEntities the lists of representations, which the router sends.
	maxListItems = 1_000
	maxEntities  = 20_000
)

// keepAlive is the interval of keep-alive messages in subscriptions.
const keepAlive = 15 * time.Second

// New returns the handler of a service's schema. The authenticator identifies
// callers; see Authenticator.
func New(r server.Resources, schema graphql.ExecutableSchema, authenticator *identity.Authenticator) http.Handler {
	inputs, err := newInputs(schema.Schema())
	if err != nil {
		panic(err) // the schema is part of the program
	}
	h := handler.New(listComplexity{schema})
	h.AddTransport(transport.Websocket{
		KeepAlivePingInterval: keepAlive,
		InitFunc:              initWebsocket(authenticator),
	})
	h.AddTransport(transport.SSE{KeepAlivePingInterval: keepAlive})
	h.AddTransport(transport.Options{})
	h.AddTransport(transport.GET{})
	h.AddTransport(transport.POST{})
	h.SetQueryCache(newDocuments(maxDocuments))
	h.SetParserTokenLimit(maxTokens)
	h.Use(extension.Introspection{})
	h.Use(bounds{})
	h.Use(batch.Scopes{})
	h.AroundOperations(shareConnections)
	h.AroundOperations(currentRights(authenticator, r.Logger))
	h.Use(inputs)
	h.Use(subscriptionErrors{})
	h.Use(extension.FixedComplexityLimit(maxComplexity))
	h.Use(newTurns())
	if r.Telemetry.Traces() {
		h.Use(tracing{r.Telemetry.TracerProvider.Tracer("souk/subgraphs/internal/graphql")})
	}
	h.SetErrorPresenter(presentError(r.Logger))
	h.SetRecoverFunc(func(_ context.Context, value any) error {
		return fmt.Errorf("panic: %v\n%s", value, debug.Stack())
	})
	return limitBody(authenticator.Middleware(h))
}

// Authenticator returns the authenticator of every service except the user
// service. It fetches the keys from the user service, and keeps them in Redis
// for a start while the user service is unavailable. The token of the services
// protects them there: without it, they are not kept. The service runs KeepKeys
// as a worker. Before an administrator changes anything, the authenticator asks
// the user service for their current rights.
func Authenticator(r server.Resources) *identity.Authenticator {
	location := r.Services["user"] + identity.JWKSPath
	var storage jwks.Storage
	if r.ServiceToken != "" {
		storage = jwks.Redis(r.Redis, "", r.ServiceToken, location)
	}
	transport := r.Telemetry.Transport(nil)
	states := session.FromUserService(r.Services["user"], r.ServiceToken, transport)
	keys := jwks.New(jwks.Options{
		URL:     location,
		Client:  &http.Client{Transport: transport},
		Refresh: 5 * time.Minute,
		Pause:   5 * time.Second,
		Logger:  r.Logger,
		Storage: storage,
		Now:     r.Now,
	})
	authenticator := AuthenticatorWith(r, states.Administrators(r.Logger), keys)
	authenticator.KeepKeys = keys.Keep
	return authenticator
}

// AuthenticatorWith returns an authenticator with other sources of current
// rights and of keys.
func AuthenticatorWith(r server.Resources, current func(context.Context, identity.Caller, bool) (identity.Caller, error), keys jwks.Source) *identity.Authenticator {
	return &identity.Authenticator{
		Keys:         keys,
		Current:      current,
		ServiceToken: r.ServiceToken,
		Tutorial:     r.AuthMode == server.Tutorial,
		Now:          r.Now,
		Logger:       r.Logger,
	}
}

// initWebsocket reads the caller's token from the connection_init message.
// Browsers cannot set headers of a WebSocket handshake, so they send it there.
func initWebsocket(authenticator *identity.Authenticator) transport.WebsocketInitFunc {
	return func(ctx context.Context, payload transport.InitPayload) (context.Context, *transport.InitPayload, error) {
		ctx = withWebSocket(ctx)
		if token := payload.Authorization(); token != "" {
			caller, err := authenticator.Caller(ctx, http.Header{"Authorization": {token}})
			if err != nil {
				return nil, nil, err
			}
			caller.Client = identity.From(ctx).Client
			ctx = identity.With(ctx, caller)
		}
		return ctx, nil, nil
	}
}

// shareConnections leaves some of the database's connections to other
// operations.
func shareConnections(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	return next(server.WithConnectionShare(ctx))
}

func limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next.ServeHTTP(w, r)
	})
}
