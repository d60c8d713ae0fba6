package graphql

import (
	"context"
	"runtime"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/sync/semaphore"
)

const (
	// smallComplexity is that of a page of 50 objects with ten fields.
	// Operations up to it wait for no others.
	smallComplexity = 500
	// complexityPerProcessor bounds the sum of the complexities of the larger
	// operations that run at a time. They may use half the processors.
	complexityPerProcessor = 4_000
	// maxTurnWait bounds how long an operation waits for its turn.
	maxTurnWait = 10 * time.Second
)

// turns makes large operations wait for each other. gqlgen resolves each object
// of a list in a goroutine of its own, so a few operations with thousands of
// objects would otherwise leave no time for small ones.
type turns struct {
	free *semaphore.Weighted // counts complexity
	most int64
}

func newTurns() turns {
	most := int64(max(1, runtime.GOMAXPROCS(0)/2) * complexityPerProcessor)
	return turns{semaphore.NewWeighted(most), most}
}

// ExtensionName implements graphql.HandlerExtension.
func (turns) ExtensionName() string { return "turns" }

// Validate implements graphql.HandlerExtension.
func (turns) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse implements graphql.ResponseInterceptor.
func (t turns) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	complexity := largeComplexity(ctx)
	if complexity == 0 {
		return next(ctx)
	}
	weight := min(complexity, t.most)
	waiting, cancel := context.WithTimeout(ctx, maxTurnWait)
	defer cancel()
	if t.free.Acquire(waiting, weight) != nil {
		return &graphql.Response{Errors: gqlerror.List{limitError("OVERLOADED",
			"The service has run other large operations for %v. Try again, or select less.", maxTurnWait)}}
	}
	defer t.free.Release(weight)
	return next(ctx)
}

// largeComplexity returns the complexity of an operation that has to wait for
// its turn, or 0. The responses of a subscription come one at a time.
func largeComplexity(ctx context.Context) int64 {
	if !graphql.HasOperationContext(ctx) { // the request has no operation
		return 0
	}
	operation := graphql.GetOperationContext(ctx)
	stats := extension.GetComplexityStats(ctx)
	if stats == nil || stats.Complexity <= smallComplexity || operation.Operation.Operation == ast.Subscription {
		return 0
	}
	return int64(stats.Complexity)
}
