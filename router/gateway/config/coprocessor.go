package config

import "time"

// Coprocessor configures an external HTTP service that takes part in request
// processing. The router does not call a stage for which it sends nothing.
type Coprocessor struct {
	URL              string        `yaml:"url" desc:"URL of the coprocessor. If empty, there is none. docs/extending.md describes the protocol." format:"http"`
	Timeout          time.Duration `yaml:"timeout" desc:"Maximum duration of one call." min:"1ms"`
	MaxConnections   int           `yaml:"max_connections" desc:"Maximum number of connections to the coprocessor. When all are in use, a call waits, within its timeout, for one to become free." min:"1"`
	MaxResponseBytes int           `yaml:"max_response_bytes" desc:"Maximum size of a coprocessor response." min:"1"`

	Policies bool `yaml:"policies" desc:"Let the coprocessor decide on @policy. supergraph.request, which needs context, is sent the names of the policies. Policies that it does not set to true do not hold. If this stage sends nothing but context, which nothing else reads, it is called only for operations with policies to decide on. If false, the policies and roles claims of access tokens decide."`

	Router     CoprocessorExchange  `yaml:"router" desc:"Client requests as they arrive, and client responses before they are sent."`
	Supergraph CoprocessorExchange  `yaml:"supergraph" desc:"Operations after parsing and validation, and their responses."`
	Execution  CoprocessorExecution `yaml:"execution" desc:"Operations after planning, and their results."`
	Subgraph   CoprocessorSubgraph  `yaml:"subgraph" desc:"Subgraph requests and subgraph responses."`
}

// CoprocessorExchange configures the stages for a request and its response.
type CoprocessorExchange struct {
	Request  CoprocessorStage `yaml:"request" desc:"Called for the request."`
	Response CoprocessorStage `yaml:"response" desc:"Called for the response."`
}

// CoprocessorExecution configures the stages before and after execution.
type CoprocessorExecution struct {
	Request  CoprocessorPlanStage `yaml:"request" desc:"Called before the first subgraph request."`
	Response CoprocessorStage     `yaml:"response" desc:"Called for the result, before supergraph.response. Not called for operations that are rejected."`
}

// CoprocessorSubgraph configures the stages around subgraph requests.
type CoprocessorSubgraph struct {
	All CoprocessorSubgraphExchange `yaml:"all" desc:"Stages for all subgraphs."`
}

// CoprocessorSubgraphExchange configures the stages for a subgraph request and its
// response.
type CoprocessorSubgraphExchange struct {
	Request  CoprocessorSubgraphStage `yaml:"request" desc:"Called for the request."`
	Response CoprocessorSubgraphStage `yaml:"response" desc:"Called for the response."`
}

// CoprocessorSubgraphStage configures what the router sends at one stage of a subgraph
// request.
type CoprocessorSubgraphStage struct {
	Headers   bool   `yaml:"headers" desc:"Send the headers to the coprocessor."`
	Body      bool   `yaml:"body" desc:"Send the body to the coprocessor."`
	Context   bool   `yaml:"context" desc:"Send the context, which holds values that stages share."`
	OnFailure string `yaml:"on_failure" desc:"What happens if the call fails: closed fails the subgraph request, open continues as if the stage were not configured." enum:"closed,open"`
}

// CoprocessorStage configures what the router sends at one stage.
type CoprocessorStage struct {
	Headers   bool   `yaml:"headers" desc:"Send the headers to the coprocessor."`
	Body      bool   `yaml:"body" desc:"Send the body to the coprocessor."`
	Context   bool   `yaml:"context" desc:"Send the context, which holds values that stages share."`
	SDL       bool   `yaml:"sdl" desc:"Send the SDL of the supergraph, which can be large."`
	OnFailure string `yaml:"on_failure" desc:"What happens if the call fails: closed rejects the request, open continues as if the stage were not configured." enum:"closed,open"`
}

// CoprocessorPlanStage configures a stage at which the query plan is known.
type CoprocessorPlanStage struct {
	Headers   bool   `yaml:"headers" desc:"Send the headers to the coprocessor."`
	Body      bool   `yaml:"body" desc:"Send the operation to the coprocessor."`
	Context   bool   `yaml:"context" desc:"Send the context, which holds values that stages share."`
	SDL       bool   `yaml:"sdl" desc:"Send the SDL of the supergraph, which can be large."`
	QueryPlan bool   `yaml:"query_plan" desc:"Send the query plan, in the format of souk plan --json."`
	OnFailure string `yaml:"on_failure" desc:"What happens if the call fails: closed rejects the request, open continues as if the stage were not configured." enum:"closed,open"`
}

func coprocessor() Coprocessor {
	stage := CoprocessorStage{OnFailure: "closed"}
	both := CoprocessorExchange{Request: stage, Response: stage}
	subgraph := CoprocessorSubgraphStage{OnFailure: "closed"}
	return Coprocessor{
		Timeout: time.Second, MaxConnections: 128, MaxResponseBytes: 4 << 20,
		Router: both, Supergraph: both,
		Subgraph:  CoprocessorSubgraph{All: CoprocessorSubgraphExchange{Request: subgraph, Response: subgraph}},
		Execution: CoprocessorExecution{Request: CoprocessorPlanStage{OnFailure: "closed"}, Response: stage},
	}
}
