package operation

import "strings"

// detach copies the strings of an operation. The parser returns substrings of
// the document's text; without the copy, an operation of ten bytes and every
// plan made from it would keep a document of two megabytes in memory.
func detach(op *Operation) {
	d := detacher{}
	op.Name = d.text(op.Name)
	for i := range op.Variables {
		v := &op.Variables[i]
		v.Name, v.Type, v.Default = d.text(v.Name), d.text(v.Type), d.text(v.Default)
	}
	d.selections(op.Selections)
}

// A detacher maps a string to its copy, so that equal names share one.
type detacher map[string]string

func (d detacher) text(s string) string {
	if s == "" {
		return ""
	}
	copied, ok := d[s]
	if !ok {
		copied = strings.Clone(s)
		d[copied] = copied
	}
	return copied
}

func (d detacher) selections(list []Selection) {
	for _, selection := range list {
		switch s := selection.(type) {
		case *Field:
			s.Alias, s.Name = d.text(s.Alias), d.text(s.Name)
			for i := range s.Arguments {
				a := &s.Arguments[i]
				a.Name, a.Value = d.text(a.Name), d.text(a.Value)
				for j := range a.Variables {
					a.Variables[j] = d.text(a.Variables[j])
				}
			}
			d.selections(s.Selections)
		case *InlineFragment:
			s.TypeCondition = d.text(s.TypeCondition)
			if s.Defer != nil {
				s.Defer.Label = d.text(s.Defer.Label)
			}
			d.selections(s.Selections)
		}
	}
}
