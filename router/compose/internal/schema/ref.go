package schema

import "strings"

// A Ref is a reference to a type, perhaps in lists.
type Ref struct {
	Name    string // of the named type; empty for a list
	Of      *Ref   // type of the items of a list
	NonNull bool
}

// ParseRef parses a type such as [T!]!.
func ParseRef(text string) *Ref {
	inner, nonNull := strings.CutSuffix(text, "!")
	if items, list := strings.CutPrefix(inner, "["); list {
		return &Ref{Of: ParseRef(strings.TrimSuffix(items, "]")), NonNull: nonNull}
	}
	return &Ref{Name: inner, NonNull: nonNull}
}

// Base returns the name of the named type.
func (r *Ref) Base() string {
	for r.Of != nil {
		r = r.Of
	}
	return r.Name
}

// IsList reports whether it is a list, non-null or not.
func (r *Ref) IsList() bool { return r.Of != nil }

// String returns the type as GraphQL writes it.
func (r *Ref) String() string {
	text := r.Name
	if r.Of != nil {
		text = "[" + r.Of.String() + "]"
	}
	if r.NonNull {
		return text + "!"
	}
	return text
}

// write appends what String returns.
func (r *Ref) write(b *strings.Builder) {
	if r.Of != nil {
		b.WriteByte('[')
		r.Of.write(b)
		b.WriteByte(']')
	} else {
		b.WriteString(r.Name)
	}
	if r.NonNull {
		b.WriteByte('!')
	}
}

// Same reports whether two references are the same type by name.
func (r *Ref) Same(other *Ref) bool {
	if r.NonNull != other.NonNull || r.Name != other.Name {
		return false
	}
	if r.Of == nil || other.Of == nil {
		return r.Of == other.Of
	}
	return r.Of.Same(other.Of)
}

// Nullable returns the type without its outer non-null.
func (r *Ref) Nullable() *Ref {
	if !r.NonNull {
		return r
	}
	return &Ref{Name: r.Name, Of: r.Of}
}

// Subtype reports whether every value of sub is a value of the type. direct reports
// whether one named type is a member or an implementation of another.
func (r *Ref) Subtype(sub *Ref, direct func(abstract, member string) bool) bool {
	if r.NonNull && !sub.NonNull {
		return false
	}
	if r.Of != nil || sub.Of != nil {
		return r.Of != nil && sub.Of != nil && r.Of.Subtype(sub.Of, direct)
	}
	return r.Name == sub.Name || direct(r.Name, sub.Name)
}

// StrictSubtype is Subtype for different types.
func (r *Ref) StrictSubtype(sub *Ref, direct func(abstract, member string) bool) bool {
	return !r.Same(sub) && r.Subtype(sub, direct)
}

func (r *Ref) renamed(old, name string) *Ref {
	switch {
	case r == nil:
		return nil
	case r.Of != nil:
		if of := r.Of.renamed(old, name); of != r.Of {
			return &Ref{Of: of, NonNull: r.NonNull}
		}
	case r.Name == old:
		return &Ref{Name: name, NonNull: r.NonNull}
	}
	return r
}
