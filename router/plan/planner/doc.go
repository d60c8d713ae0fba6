// Package planner plans operations: it determines the requests to subgraphs that
// an operation needs, and looks for a plan with few of them.
//
// It takes an [operation.Operation] and a [supergraph.Model] and returns a
// [plan.Plan]. A request reaches it after validation and authorisation, and is
// then executed; the gateway caches the plans. The hub is planner.go:
// [Planner.Plan] runs the stages one after another.
//
//	walk      candidate paths to every leaf          walk.go, candidates.go, starts.go
//	            edges of the query graph             edge.go, resolve.go
//	            entity jumps                         jump.go, wanted.go, requirements.go
//	            values for @fromContext              context.go
//	            which payload selects what           selected.go
//	            what is asked for all types          untyped.go
//	choose    one path for each leaf; breaks ties    choose.go
//	improve   a search where a better choice may exist
//	                                                 improve.go, divide.go, parts.go
//	            requests that paths make           effort.go, thorough.go, bytype.go, repeat.go, bound.go, keychains.go, needs.go, reach.go
//	            what they cost                     cost.go, measure.go
//	            which requests are made            steps.go, known.go, optimise.go, landmarks.go, cover.go, thin.go, gains.go, bits.go
//	            paths for these requests           settle.go
//	place     paths become fetches                   place.go, fetch.go
//	schedule  fetches are merged into few requests   defer.go, schedule.go, merge.go, fallback.go
//	weigh     fetches are merged by latency instead, if those are known
//	                                                 weigh.go, timing.go, batches.go
//	print     fetches become those of the plan       print.go, responsekeys.go
//	project   the layout of the client's response    project.go
//
// What all stages share is in slot.go and position.go (where values are
// stored) and in types.go (sets of types) and responsetypes.go (types as clients
// see them). Their memory is that of scratch.go, with the tables of table.go: one
// planning after another uses it; draft.go also lends the plan itself to those who do
// not keep it. explain.go explains how a plan was found, and errors.go why an operation
// has no plan.
//
// # Paths
//
// The query graph has a node for each type of each subgraph. An edge connects an
// object at one node to a field's value, to an object type of an interface or
// union, to the same entity in another subgraph (by @key), or to a subgraph's root
// type. A path to a leaf of the operation states how the leaf can be fetched. For
//
//	{ product { name reviews { stars } } }
//
// where subgraph a has product and name, and b has reviews, the only path to
// stars is
//
//	Query/a ─product→ Product/a ─@key(id)→ Product/b ─reviews→ Review/b ─stars→ ·
//
// and its jump into b has a condition: a path to id in a. With several
// subgraphs to choose from, the walker keeps the paths that look cheap, and the
// chooser picks from them greedily. Of paths with equal cost it takes the
// shallowest, then the one whose subgraph comes first by name. Where the result may
// not be the best plan, the operation is walked again for every path that can matter.
// Then the requests are searched by branch and bound: which subgraphs are asked on
// which level. The search does not see paths, but only what is known after which requests.
// Where it is long, requests are also left out at random from an answer with too many. What is
// known after the requests decides which paths there are, and of these
// the ones with the fewest entities and fields are chosen.
//
// # Mutations
//
// The root fields of a mutation run in order. One request can have several that follow each
// other, and waits for all that the ones before it need. Which subgraph has which of them is
// a shortest path through the fields, whose edges are runs of fields from one subgraph with
// the cost of a search for each. A subscription has one field, and one run.
//
// # Deferred payloads
//
// The initial payload waits for no more requests, and no longer chain of them, than without
// the deferred fragments. A branch of the walk belongs to a payload, and so do the requests of
// the paths from it. A deferred fragment visits its objects again: the paths of the earlier payload
// reach them, but what only the fragment selects prefers entity jumps of its own.
//
// # Latencies
//
// A merged request waits for the slowest of its inputs. Scheduling looks at levels only, as if all
// requests took the same time. [Planner.PlanBy] knows how long they take. It looks for the fewest
// requests with which no payload of the response is late: by more than 5 % of its critical path,
// which is the time without any merging, or some milliseconds.
//
// # Slots
//
// Every field of the operation, and every field that a key or a requirement
// needs, has one storage slot in the tree of stored objects, whichever fetch
// fills it. Queries, representations and the client's response refer to slots.
// So names are assigned once, at the end, and nothing is ever renamed: a
// conflict between response keys cannot arise in the middle of planning.
package planner
