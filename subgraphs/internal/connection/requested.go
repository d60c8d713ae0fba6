package connection

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
)

// Requested says whether the operation asks for a field, such as totalCount,
// of what the current resolver returns, so that work nobody asked for can be
// left out.
func Requested(ctx context.Context, field string) bool {
	for _, f := range graphql.CollectFieldsCtx(ctx, nil) {
		if f.Name == field {
			return true
		}
	}
	return false
}
