package graphql

import (
	"context"
	"errors"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Codes in extensions.code, besides those that errors bring themselves.
const (
	codeInternal = "INTERNAL_SERVER_ERROR"
	codeCanceled = "REQUEST_CANCELED"
)

// coded is an error that clients may read.
type coded interface {
	error
	Code() string
}

// presenter makes of an error what the client sees. Errors with a code say
// what they say; the inside of all others goes to the log only.
func presenter(logger *slog.Logger) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		shown := graphql.DefaultErrorPresenter(ctx, err)
		if shown.Extensions["code"] != nil {
			return shown // gqlgen's own: parsing, validation, limits
		}
		var known coded
		switch {
		case errors.As(err, &known):
			shown.Message = known.Error()
			setCode(shown, known.Code())
		case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
			shown.Message = "The request was given up."
			setCode(shown, codeCanceled)
		case shown.Unwrap() == nil:
			setCode(shown, codeInternal) // made as a GraphQL error, for the client
		default:
			logger.ErrorContext(ctx, "a resolver failed", "path", shown.Path.String(), "error", err)
			shown.Message = "Something went wrong inside the service."
			setCode(shown, codeInternal)
		}
		return shown
	}
}

func setCode(e *gqlerror.Error, code string) {
	if e.Extensions == nil {
		e.Extensions = map[string]any{}
	}
	e.Extensions["code"] = code
}
