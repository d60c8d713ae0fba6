package graphql

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// tracing adds a span for each operation and each resolver, named by
// OpenTelemetry's conventions for GraphQL.
type tracing struct{ tracer trace.Tracer }

// ExtensionName implements graphql.HandlerExtension.
func (tracing) ExtensionName() string { return "tracing" }

// Validate implements graphql.HandlerExtension.
func (tracing) Validate(graphql.ExecutableSchema) error { return nil }

// InterceptResponse implements graphql.ResponseInterceptor.
func (t tracing) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	operation := graphql.GetOperationContext(ctx)
	if operation == nil || operation.Operation == nil {
		return next(ctx)
	}
	kind := string(operation.Operation.Operation)
	ctx, span := t.tracer.Start(ctx, kind, trace.WithAttributes(
		attribute.String("graphql.operation.type", kind),
		attribute.String("graphql.operation.name", operation.Operation.Name)))
	defer span.End()
	response := next(ctx)
	if response != nil && len(response.Errors) > 0 {
		span.SetStatus(codes.Error, response.Errors[0].Message)
	}
	return response
}

// InterceptField implements graphql.FieldInterceptor.
func (t tracing) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	field := graphql.GetFieldContext(ctx)
	if field == nil || !field.IsResolver {
		return next(ctx)
	}
	ctx, span := t.tracer.Start(ctx, field.Object+"."+field.Field.Name)
	defer span.End()
	value, err := next(ctx)
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	return value, err
}
