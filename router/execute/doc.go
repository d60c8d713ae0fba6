// Package execute executes query plans.
//
// [Executor.Compile] prepares a plan (package plan) for execution, once for each plan. An
// [Executor] runs the resulting [Program]: it sends requests to the subgraphs
// through a [Transport], each as soon as the fetches it depends on have ended,
// stores the responses in one tree of objects, builds representations of
// entities from the tree, and writes the client's response from it.
//
// The package comes after operation and plan, and before the subgraphs. The hub
// is execution.go: execution.schedule runs the fetches of one request.
//
// Compiling, once for each plan:
//
//	check       refuse contradictory plans     check.go
//	compile     plan to program                compile.go, program.go, count.go, flatten.go,
//	                                       declared.go
//	weigh       the memory of programs         size.go
//	positions   storage slots of objects       position.go
//	contexts    values for @fromContext        context.go
//	selections  as the entity cache sees them  selection.go
//	runs        fields copied together         runs.go, token.go
//
// Executing, for each request:
//
//	schedule    fetches by their dependencies  executor.go, execution.go, subscribe.go
//	represent   representations of entities    representation.go, leaf.go
//	cache       look up and store entities     cache.go, cached.go, cachetags.go, cachecontrol.go,
//	                                       expired.go, refresh.go, inspect.go
//	send        requests to subgraphs          transport.go, files.go, buffer.go,
//	                                       reservation.go
//	merge       responses into the tree        merge.go, reader.go, run.go, tree.go, turns.go
//	outcome     errors of one response         outcome.go
//	errors      with the client's paths        errors.go, unselected.go, missing.go
//	errors      with the client's paths        errors.go, missing.go
//	early       write it before it is whole    arrival.go, waiting.go, sketch.go, pour.go
//	project     write the client's response    respond.go, writer.go, untyped.go
//	extensions  of subgraphs, for the client   extensions.go
//	deliver     deferred payloads              deliver.go, fragments.go, overlap.go, partsize.go
//
// The executor knows the entity cache only as the interface EntityCache (cache.go)
// and has no metrics of its own: it reports each request to Options.Observe.
// Package router supplies both.
//
// # Storage
//
// The tree is one slice of values without pointers; see tree.go. An object has a
// header and a slot for each storage key at its position, whatever fetch fills
// it. Leaves are not decoded: they stay in the subgraph's response, as bytes. Fields next
// to each other that the client gets as the subgraph sends them stay there together, with
// the objects in them: as a run, which is one value of the tree (see run.go).
// Two occurrences of one entity share what is below them, so an entity that
// occurs a thousand times is read once. Where sharing could be observed (see
// Program.noSharing) they remain separate objects.
package execute
