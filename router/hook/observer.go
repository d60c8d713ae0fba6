package hook

import "context"

// An Observer is notified when stages of an operation begin and end, for custom traces and logs.
// It is called for each stage of each operation, so it should be fast. It must be safe for
// concurrent use.
type Observer interface {
	// BeginStage is called when a stage begins. It returns the context for the stage and
	// those inside it, and a function that is called when the stage ends, with its error
	// or nil.
	BeginStage(ctx context.Context, s Stage) (context.Context, func(error))
}

// A Stage is a part of the work on an operation.
type Stage struct {
	Name StageName
	// Subgraph is the name of the subgraph in CacheLookup and SubgraphOperation.
	Subgraph string
}

// A StageName names a stage. Spans have the same names.
type StageName string

// The stages. Parse, Validate, Normalize and QueryPlan do not occur for cached documents and
// plans.
const (
	Parse             StageName = "graphql.parse"
	Validate          StageName = "graphql.validate"
	Normalize         StageName = "graphql.normalize"
	QueryPlan         StageName = "graphql.plan"
	Execute           StageName = "graphql.execute"
	CacheLookup       StageName = "graphql.cache.lookup"
	SubgraphOperation StageName = "graphql.subgraph.operation"
	Project           StageName = "graphql.project"
)
