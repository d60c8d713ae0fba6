package graphql

import (
	"context"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/subgraphs/internal/identity"
)

// currentRights gives operations a caller with current rights, as the
// authenticator's Current says. An access token tells only the rights that the
// user had when it was issued.
func currentRights(a *identity.Authenticator, logger *slog.Logger) graphql.OperationMiddleware {
	present := presentError(logger)
	return func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		caller := identity.From(ctx)
		if a.Current == nil || caller.UserID == "" {
			return next(ctx)
		}
		change := graphql.GetOperationContext(ctx).Operation.Operation == ast.Mutation
		current, err := a.Current(ctx, caller, change)
		if err != nil {
			return graphql.OneShot(&graphql.Response{Errors: gqlerror.List{present(ctx, err)}})
		}
		return next(identity.With(ctx, current))
	}
}
