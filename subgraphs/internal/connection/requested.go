package connection

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
)

// Requested reports whether the operation selects a field, such as totalCount,
// of the current resolver's result. Resolvers use it to skip work.
func Requested(ctx context.Context, field string) bool {
	for _, f := range graphql.CollectFieldsCtx(ctx, nil) {
		if f.Name == field {
			return true
		}
	}
	return false
}
