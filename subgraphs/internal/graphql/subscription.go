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

// Values of extensions.code of subscriptions that end early.
const (
	codeExpired      = "SUBSCRIPTION_JWT_EXPIRED"
	codeSessionEnded = "SUBSCRIPTION_SESSION_ENDED"
)

type webSocketKey struct{}

// withWebSocket marks the context of operations on a WebSocket. Only that
// protocol has a message for an operation that failed as a whole.
func withWebSocket(ctx context.Context) context.Context {
	return context.WithValue(ctx, webSocketKey{}, true)
}

// sendSubscriptionError sends an error message if the operation is on a
// WebSocket, and reports whether it is.
func sendSubscriptionError(ctx context.Context, err *gqlerror.Error) bool {
	if ctx.Value(webSocketKey{}) == nil {
		return false
	}
	transport.AddSubscriptionError(ctx, err)
	return true
}

// EndSubscription tells the client why its subscription ends, if cause is one
// of package session. Call it with the resolver's context, before closing the
// channel of events.
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
	sendSubscriptionError(ctx, &gqlerror.Error{Message: message, Extensions: map[string]any{"code": code}})
}

// subscriptionErrors sends the error of a subscription that could not start as
// a request error (GraphQL, section 6.2.3.1). gqlgen sends it as a response,
// which clients would take for an event.
type subscriptionErrors struct{}

// ExtensionName implements graphql.HandlerExtension.
func (subscriptionErrors) ExtensionName() string { return "subscription-errors" }

// Validate implements graphql.HandlerExtension.
func (subscriptionErrors) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptOperation implements graphql.OperationInterceptor.
func (subscriptionErrors) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
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
			if !sendSubscriptionError(ctx, err) {
				return response
			}
		}
		return nil
	}
}
