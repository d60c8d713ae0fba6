package hook

import "context"

// An Observer is told when stages of an operation begin and end, for traces and
// logs of a program's own. It is called often: for each stage of each operation,
// and for several operations at the same time.
type Observer interface {
	// BeginStage is called when a stage begins. The function it returns is called
	// when the stage ends, with the error that it ended with, or nil. The context
	// is that of the stage and of those inside it.
	BeginStage(ctx context.Context, s Stage) (context.Context, func(error))
}

// A Stage is a part of the work on an operation.
type Stage struct {
	Name StageName
	// Subgraph is the subgraph's name at CacheLookup and SubgraphOperation.
	Subgraph string
}

// A StageName names a stage. Spans have the same names.
type StageName string

// The stages. Documents and plans are cached: Parse, Validate, Normalize and QueryPlan happen for
// those that are not.
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
