package execute

import "fmt"

// reportLeftOut adds an error for each root field of a step's operation that
// its answer has no value for, although nothing has gone wrong there: a root
// field (GraphQL, section 6.3) that is not in the data at all, and an _entities
// field without its list. What is left out further down is null, without an
// error where it may be (see docs/federation.md).
func (r *run) reportLeftOut(s *step, run *stepRun) {
	if s.entities != nil {
		r.reportNoEntities(s, run)
		return
	}
	object := uint32(0)
	if len(run.objects) > 0 {
		object = run.objects[0].object
	}
	for i := range s.shape.fields {
		f := &s.shape.fields[i]
		if f.slot == headerSlot {
			continue
		}
		if v := r.tree.values[object+uint32(f.slot)]; v.kind != absentKind || v.flags&explainedFlag != 0 {
			continue
		}
		places := []place{{}}
		if len(s.path) > 0 {
			places = r.places(s.path, func(uint32) bool { return true })
		}
		name := string(f.wire[1 : len(f.wire)-1])
		run.tainted = true
		r.placeError(r.leftOut(s, name), places, []pathElement{{key: name}}, s.shape)
	}
}

// reportNoEntities adds an error for each _entities field that has no list.
func (r *run) reportNoEntities(s *step, run *stepRun) {
	for i, fetch := range s.entities {
		e := &run.entities[i]
		if e.asked() == 0 || len(e.fetched) > 0 || e.blamed {
			continue
		}
		err := r.leftOut(s, string(fetch.wire[1:len(fetch.wire)-1]))
		var keys []string
		for _, segment := range fetch.targets[0].path {
			keys = append(keys, segment.key)
		}
		err.path = r.program.clientPlace(keys)
		r.add(err)
		for _, t := range e.targets {
			r.tree.explain(t.object, fetch.shape)
		}
	}
}

func (r *run) leftOut(s *step, field string) responseError {
	return responseError{
		step: s.id, part: s.part, code: CodeMalformed, service: s.subgraph,
		message: fmt.Sprintf("Subgraph %q left %s out of its answer.", s.subgraph, field),
	}
}
