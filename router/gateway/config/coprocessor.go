package config

import "time"

// Coprocessor is an HTTP service that takes part in requests. A stage that is
// sent none of headers, body and context is not called.
type Coprocessor struct {
	URL              string        `yaml:"url" desc:"Where the coprocessor listens; empty for none. See docs/extending.md for the protocol." format:"http"`
	Timeout          time.Duration `yaml:"timeout" desc:"Longest time for one call." min:"1ms"`
	MaxConnections   int           `yaml:"max_connections" desc:"Connections to the coprocessor. A call waits for a free one within its timeout." min:"1"`
	MaxResponseBytes int           `yaml:"max_response_bytes" desc:"Largest response of the coprocessor that is read." min:"1"`

	Router     CoprocessorExchange  `yaml:"router" desc:"Requests of clients as they are read, and responses as they are sent."`
	Supergraph CoprocessorExchange  `yaml:"supergraph" desc:"Operations that are parsed and valid, and their responses."`
	Execution  CoprocessorExecution `yaml:"execution" desc:"Operations that are planned."`
	Subgraph   CoprocessorSubgraph  `yaml:"subgraph" desc:"Requests to subgraphs, and their responses."`
}

// CoprocessorExchange is a pair of stages.
type CoprocessorExchange struct {
	Request  CoprocessorStage `yaml:"request" desc:"On the way in."`
	Response CoprocessorStage `yaml:"response" desc:"On the way out."`
}

// CoprocessorExecution is the stage before execution.
type CoprocessorExecution struct {
	Request CoprocessorPlanStage `yaml:"request" desc:"Before the first request to a subgraph."`
}

// CoprocessorSubgraph are the stages around requests to subgraphs.
type CoprocessorSubgraph struct {
	All CoprocessorExchange `yaml:"all" desc:"For all subgraphs."`
}

// CoprocessorStage says what a stage is sent.
type CoprocessorStage struct {
	Headers   bool   `yaml:"headers" desc:"Send the headers."`
	Body      bool   `yaml:"body" desc:"Send the body."`
	Context   bool   `yaml:"context" desc:"Send the values that stages share."`
	OnFailure string `yaml:"on_failure" desc:"What happens when the call fails: closed refuses the request, open goes on as if the stage were not called." enum:"closed,open"`
}

// CoprocessorPlanStage is a stage that knows the query plan.
type CoprocessorPlanStage struct {
	Headers   bool   `yaml:"headers" desc:"Send the headers."`
	Body      bool   `yaml:"body" desc:"Send the operation."`
	Context   bool   `yaml:"context" desc:"Send the values that stages share."`
	QueryPlan bool   `yaml:"query_plan" desc:"Send the query plan, in the format of souk plan --json."`
	OnFailure string `yaml:"on_failure" desc:"What happens when the call fails: closed refuses the request, open goes on as if the stage were not called." enum:"closed,open"`
}

func coprocessor() Coprocessor {
	stage := CoprocessorStage{OnFailure: "closed"}
	both := CoprocessorExchange{Request: stage, Response: stage}
	return Coprocessor{
		Timeout: time.Second, MaxConnections: 128, MaxResponseBytes: 4 << 20,
		Router: both, Supergraph: both, Subgraph: CoprocessorSubgraph{All: both},
		Execution: CoprocessorExecution{Request: CoprocessorPlanStage{OnFailure: "closed"}},
	}
}
