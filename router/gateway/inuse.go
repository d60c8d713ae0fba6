package gateway

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"souk/router/plan"
)

// WriteOperations writes the operations that are asked for most, with their query
// plans and how often each was used, for people. Values are replaced by
// variables; an operation that this cannot be done for is left out. At most
// limits the operations.
func (gw *Gateway) WriteOperations(w io.Writer, most int) error {
	current := gw.acquire()
	if current == nil {
		return nil
	}
	defer current.release()
	list := current.byUse()
	if _, err := fmt.Fprintf(w, "# Supergraph %s, %d operations in memory\n", current.id, len(list)); err != nil {
		return err
	}
	for _, u := range list[:min(len(list), most)] {
		if _, err := fmt.Fprintf(w, "\n# document %s, used %d times\n%s", u.hash, u.uses, current.print(u.document)); err != nil {
			return err
		}
	}
	return nil
}

// A usedDocument is a document with how often it was looked up.
type usedDocument struct {
	*document
	uses uint64
}

// byUse returns the documents in memory, the most used first.
func (s *snapshot) byUse() []usedDocument {
	var list []usedDocument
	s.documents.Used(func(_ string, d *document, uses uint64) { list = append(list, usedDocument{d, uses}) })
	s.templates.Used(func(_ string, o *outline, uses uint64) {
		if d := o.document.Load(); d != nil {
			list = append(list, usedDocument{d, uses})
		}
	})
	slices.SortFunc(list, func(a, b usedDocument) int {
		return cmp.Or(cmp.Compare(b.uses, a.uses), strings.Compare(a.hash, b.hash))
	})
	return list
}

// WriteAPISchema writes the API schema of the current supergraph, as SDL.
func (gw *Gateway) WriteAPISchema(w io.Writer) error {
	current := gw.acquire()
	if current == nil {
		return nil
	}
	defer current.release()
	_, err := io.WriteString(w, current.model.APISchema)
	return err
}

// print returns a document without values, and the plans of the operations
// that it has given.
func (s *snapshot) print(d *document) string {
	text := d.withoutValues()
	if text == "" {
		return "(its values cannot be told from the rest)\n"
	}
	var out strings.Builder
	out.WriteString(strings.TrimSpace(text) + "\n")
	known := d.programs.Load()
	// Plans of the text without values: those in use have values in their requests.
	parsed, err := s.accepted.Parse(text, d.name)
	if known == nil || err != nil {
		return out.String()
	}
	for _, k := range *known {
		op := (&document{Document: parsed}).choose(k.conditions, k.deferring)
		out.WriteString("\n")
		var basis planBasis
		if used, ok := s.plans.Get(k.key); ok {
			basis = used.basis()
		}
		made, err := s.newPlan(op, k.labels, basis.quick, basis.latencies())
		if err == nil {
			err = plan.Print(&out, made.Plan)
		}
		if err != nil {
			fmt.Fprintf(&out, "(no plan: %v)\n", err)
		}
	}
	return out.String()
}
