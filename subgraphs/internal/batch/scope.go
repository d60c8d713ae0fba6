package batch

import (
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// Scopes is an extension of the GraphQL handler that gives each root field its
// own loaders. They do not outlive it, so a mutation's result is never older
// than the mutation.
type Scopes struct{}

// ExtensionName implements graphql.HandlerExtension.
func (Scopes) ExtensionName() string { return "batch" }

// Validate implements graphql.HandlerExtension.
func (Scopes) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptRootField implements graphql.RootFieldInterceptor.
func (Scopes) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	return next(context.WithValue(ctx, scopeKey{}, &scope{loaders: map[any]any{}}))
}

type scopeKey struct{}

type scope struct {
	mu      sync.Mutex
	loaders map[any]any // by the id passed to Load
}

// Load returns the values of keys, in their order, by the Loader that the
// resolvers under one root field share. The id stands for what is read: calls
// share a Loader, and the read of whichever came first, if their ids are equal.
// An id is a comparable value of a type that is used for one kind of read, with
// the arguments of that read.
func Load[K comparable, V any](ctx context.Context, id any, keys []K, read func(context.Context, []K) (map[K]V, error)) ([]V, error) {
	s, ok := ctx.Value(scopeKey{}).(*scope)
	if !ok {
		return New(read).Load(ctx, keys)
	}
	s.mu.Lock()
	loader, ok := s.loaders[id].(*Loader[K, V])
	if !ok {
		loader = New(read)
		s.loaders[id] = loader
	}
	s.mu.Unlock()
	return loader.Load(ctx, keys)
}
