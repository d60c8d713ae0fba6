package graphql

import (
	"context"
	"errors"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"souk/subgraphs/internal/database"
	"souk/subgraphs/internal/schema"
)

// Values of extensions.code, in addition to those of errors with a Code method.
const (
	codeInternal    = "INTERNAL_SERVER_ERROR"
	codeCanceled    = "REQUEST_CANCELED"
	codeUnavailable = "UNAVAILABLE"
	codeBadRequest  = "BAD_REQUEST"
)

// databaseRetryAfter is the extensions.retryAfter of an error that is due to
// the database, in seconds.
const databaseRetryAfter = 1

// codedError is an error whose message and code are meant for clients.
type codedError interface {
	error
	Code() string
}

// presentError converts an error to what the client sees. Errors with a code
// keep their message. All others may contain internal details: those go to the
// log only.
func presentError(logger *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		shown := graphql.DefaultErrorPresenter(ctx, err)
		if shown.Extensions["code"] != nil {
			return shown // from gqlgen: parsing, validation, limits
		}
		var known codedError
		switch {
		case errors.As(err, &known):
			shown.Message = known.Error()
			setCode(shown, known.Code())
			if away := (*schema.Unavailable)(nil); errors.As(err, &away) {
				shown.Extensions["retryAfter"] = away.RetryAfter
			}
			setFields(shown, err)
		// Postgres says of a statement that it cancelled because the caller left what it says of
		// one that took too long.
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
			shown.Message = "The request was cancelled or timed out."
			setCode(shown, codeCanceled)
		case database.Unavailable(err):
			logger.WarnContext(ctx, "the database is unavailable", "path", shown.Path.String(), "error", err)
			shown.Message = "The database of the service is unavailable. Try again in 1 s."
			if database.Slow(err) {
				shown.Message = "The database of the service took too long. Try again in 1 s."
			}
			setCode(shown, codeUnavailable)
			shown.Extensions["retryAfter"] = databaseRetryAfter
		case !graphql.HasOperationContext(ctx) && shown.Unwrap() == nil:
			setCode(shown, codeBadRequest) // the body is no GraphQL request
		case shown.Unwrap() == nil:
			setCode(shown, codeInternal) // created as a GraphQL error, for the client
		default:
			logger.ErrorContext(ctx, "resolver failed", "path", shown.Path.String(), "error", err)
			shown.Message = "Internal error of the service. Its log has the cause."
			setCode(shown, codeInternal)
		}
		return shown
	}
}

// setFields adds the invalid values that an error lists, as extensions.fields.
func setFields(shown *gqlerror.Error, err error) {
	var invalid *schema.InvalidInput
	if !errors.As(err, &invalid) {
		return
	}
	fields := make([]map[string]string, len(invalid.Fields))
	for i, field := range invalid.Fields {
		fields[i] = map[string]string{"path": field.Path, "message": field.Message}
		if field.Hint != nil {
			fields[i]["hint"] = *field.Hint
		}
	}
	shown.Extensions["fields"] = fields
}

func setCode(e *gqlerror.Error, code string) {
	if e.Extensions == nil {
		e.Extensions = map[string]any{}
	}
	e.Extensions["code"] = code
}
