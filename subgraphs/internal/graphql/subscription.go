package graphql

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/subgraphs/internal/session"
)

// The values of extensions.code with which subscriptions end before their end.
const (
	codeExpired      = "SUBSCRIPTION_JWT_EXPIRED"
	codeSessionEnded = "SUBSCRIPTION_SESSION_ENDED"
)

type socketKey struct{}

// overSocket marks the context of a WebSocket's operations: only there is a
// message for an operation that failed as a whole.
func overSocket(ctx context.Context) context.Context {
	return context.WithValue(ctx, socketKey{}, true)
}

func fail(ctx context.Context, err *gqlerror.Error) bool {
	if ctx.Value(socketKey{}) == nil {
		return false
	}
	transport.AddSubscriptionError(ctx, err)
	return true
}

// EndSubscription tells the client why its subscription ends, if the cause is
// one of package session's. It is called before the channel of events is
// closed, with the context that the resolver was given.
func EndSubscription(ctx context.Context, cause error) {
	message, code := "The session has ended. Log in and subscribe again.", codeSessionEnded
	switch {
	case errors.Is(cause, session.ErrExpired):
		message, code = "The access token has expired. Subscribe again with a new one.", codeExpired
	case errors.Is(cause, session.ErrRoles):
		message = "The roles of the user have changed. Refresh the session and subscribe again."
	case !errors.Is(cause, session.ErrEnded):
		return
	}
	fail(ctx, &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}})
}

// refusals sends a subscription that could not begin as what it is, a request
// error (GraphQL, section 6.2.3.1): gqlgen makes a response of it, which a
// client would take for an event.
type refusals struct{}

// ExtensionName implements graphql.HandlerExtension.
func (refusals) ExtensionName() string { return "refusals" }

// Validate implements graphql.HandlerExtension.
func (refusals) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation implements graphql.OperationInterceptor.
func (refusals) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	responses := next(ctx)
	if op := graphql.GetOperationContext(ctx).Operation; op == nil || op.Operation != ast.Subscription {
		return responses
	}
	return func(ctx context.Context) *graphql.Response {
		response := responses(ctx)
		if response == nil || len(response.Data) > 0 || len(response.Errors) == 0 {
			return response
		}
		for _, err := range response.Errors {
			if !fail(ctx, err) {
				return response
			}
		}
		return nil
	}
}
