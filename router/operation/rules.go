package operation

import (
	"sort"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// specRules modifies the validator's rules r and returns them. It replaces rules
// that accept documents the specification forbids and adds the rules for @defer.
// It removes the rule for merging fields, which takes seconds for some documents
// within the limits; merging.go implements that rule in linear time. Types are suggested by suggestTypes: the
// validator does it in random order, and also for errors that are left out.
func specRules(r *rules.Rules) *rules.Rules {
	r.RemoveRule(rules.SingleFieldSubscriptionsRule.Name)
	r.RemoveRule(rules.OverlappingFieldsCanBeMergedRule.Name)
	r.RemoveRule(rules.KnownTypeNamesRule.Name)
	r.AddRule(rules.KnownTypeNamesRuleWithoutSuggestions.Name, rules.KnownTypeNamesRuleWithoutSuggestions.RuleFunc)
	useNumbers(r)
	r.AddRule("AdditionalRules", additionalRules)
	return r
}

// additionalRules are the rules that the validator does not have. Each rule of its own would take memory for
// each document.
func additionalRules(on *core.Events, report core.AddErrFunc) {
	singleRootField(on, report)
	builtInScalars(on, report)
	numbersInRange(on, report)
	deferLabels(on, report)
	deferOnRoot(on, report)
}

// use sets the rules of the schema.
func (s *Schema) use(r *rules.Rules) {
	s.rules, s.ordered = r, nil
	for name, rule := range r.GetInner() {
		s.ordered = append(s.ordered, core.Rule{Name: name, RuleFunc: rule})
	}
	sort.Sort(core.NameSorter(s.ordered))
}

// validate applies the rules to a document. It does what validator.ValidateWithRules does, which sorts
// the rules for each document. After maxErrors errors, rules ignore unknown fields and all values: further errors
// are left out, and each unknown name is compared with all names of a type.
func (s *Schema) validate(doc *ast.QueryDocument) gqlerror.List {
	var errs gqlerror.List
	events := &core.Events{}
	events.OnField(func(_ *core.Walker, f *ast.Field) {
		if len(errs) >= maxErrors && f.Definition == nil {
			f.ObjectDefinition = nil // as below an unknown field
		}
	})
	events.OnValue(func(_ *core.Walker, v *ast.Value) {
		if len(errs) >= maxErrors {
			v.Definition = nil
		}
	})
	for i := range s.ordered {
		name := s.ordered[i].Name
		s.ordered[i].RuleFunc(events, func(options ...core.ErrorOption) {
			err := &gqlerror.Error{Rule: name}
			for _, o := range options {
				o(err)
			}
			errs = append(errs, err)
		})
	}
	core.Walk(s.schema, doc, events)
	return errs
}

// singleRootField implements rule 5.2.4.1 of the specification: the root fields
// of a subscription have one response key, are not introspection fields, and do
// not use @skip or @include.
func singleRootField(on *core.Events, report core.AddErrFunc) {
	on.OnOperation(func(_ *core.Walker, op *ast.OperationDefinition) {
		if op.Operation != ast.Subscription {
			return
		}
		name := "Anonymous Subscription"
		if op.Name != "" {
			name = "Subscription " + strconv.Quote(op.Name)
		}
		key := ""
		seen := map[*ast.FragmentDefinition]bool{}
		var visit func(ast.SelectionSet)
		conditional := func(list ast.DirectiveList) {
			for _, d := range list {
				if d.Name == "skip" || d.Name == "include" {
					report(core.Message("%s must not use @%s in the top level selection.", name, d.Name), core.At(d.Position))
				}
			}
		}
		visit = func(set ast.SelectionSet) {
			for _, sel := range set {
				switch sel := sel.(type) {
				case *ast.Field:
					conditional(sel.Directives)
					if strings.HasPrefix(sel.Name, "__") {
						report(core.Message("%s must not select an introspection top level field.", name), core.At(sel.Position))
					}
					if key != "" && key != sel.Alias {
						report(core.Message("%s must select only one top level field.", name), core.At(sel.Position))
					}
					key = sel.Alias
				case *ast.InlineFragment:
					conditional(sel.Directives)
					visit(sel.SelectionSet)
				case *ast.FragmentSpread:
					conditional(sel.Directives)
					if f := sel.Definition; f != nil && !seen[f] {
						seen[f] = true
						visit(f.SelectionSet)
					}
				}
			}
		}
		visit(op.SelectionSet)
	})
}

// builtInScalars reports the literal {} for a scalar or enum. Rule 5.6.1 of the specification forbids
// it, but the validator accepts it.
func builtInScalars(on *core.Events, report core.AddErrFunc) {
	on.OnValue(func(_ *core.Walker, v *ast.Value) {
		if v.Definition == nil || v.ExpectedType == nil {
			return
		}
		if v.Kind == ast.ObjectValue && len(v.Children) == 0 && v.Definition.Kind != ast.InputObject && isBuiltIn(v.Definition) {
			report(core.Message("Expected value of type %q, found {}.", v.ExpectedType.String()), core.At(v.Position))
		}
	})
}

func isBuiltIn(def *ast.Definition) bool {
	return def.Kind == ast.Enum || def.OneOf("Int", "Float", "String", "Boolean", "ID")
}

// deferLabels implements the rule Defer And Stream Directive Labels Are Unique
// of the incremental delivery proposal.
func deferLabels(on *core.Events, report core.AddErrFunc) {
	labels := map[string]*ast.Directive{}
	on.OnDirective(func(_ *core.Walker, d *ast.Directive) {
		label := deferArgument(d, "label")
		if label == nil || label.Kind == ast.NullValue {
			return
		}
		if label.Kind == ast.Variable {
			report(core.Message("Argument \"label\" of @defer must be a static string."), core.At(d.Position))
			return
		}
		if first := labels[label.Raw]; first != nil && *first.Position != *d.Position {
			report(core.Message("@defer label %q must be unique.", label.Raw), core.At(first.Position), core.At(d.Position))
			return
		}
		labels[label.Raw] = d
	})
}

// deferOnRoot implements two rules of the incremental delivery proposal: Defer
// And Stream Directives Are Used On Valid Root Field (mutations), and Defer And
// Stream Directives Are Used On Valid Operations (subscriptions).
func deferOnRoot(on *core.Events, report core.AddErrFunc) {
	on.OnOperation(func(_ *core.Walker, op *ast.OperationDefinition) {
		if op.Operation == ast.Query || op.Operation == "" {
			return
		}
		anywhere := op.Operation == ast.Subscription // not only on root fields
		seen := map[*ast.FragmentDefinition]bool{}
		check := func(list ast.DirectiveList) {
			for _, d := range list {
				if d.Name == "defer" && !canBeOff(d) {
					where := "the root fields of a " + string(op.Operation)
					if anywhere {
						where = "a subscription"
					}
					report(core.Message("@defer cannot be used on %s.", where), core.At(d.Position))
				}
			}
		}
		var visit func(ast.SelectionSet)
		visit = func(set ast.SelectionSet) {
			for _, sel := range set {
				switch sel := sel.(type) {
				case *ast.Field:
					if anywhere {
						visit(sel.SelectionSet)
					}
				case *ast.InlineFragment:
					check(sel.Directives)
					visit(sel.SelectionSet)
				case *ast.FragmentSpread:
					check(sel.Directives)
					if f := sel.Definition; f != nil && !seen[f] {
						seen[f] = true
						visit(f.SelectionSet)
					}
				}
			}
		}
		visit(op.SelectionSet)
	})
}

func deferArgument(d *ast.Directive, name string) *ast.Value {
	if d.Name != "defer" {
		return nil
	}
	if a := d.Arguments.ForName(name); a != nil {
		return a.Value
	}
	return nil
}

// canBeOff reports whether the "if" argument of a @defer is false or a variable.
func canBeOff(d *ast.Directive) bool {
	v := deferArgument(d, "if")
	return v != nil && (v.Kind == ast.Variable || v.Kind == ast.BooleanValue && v.Raw == "false")
}
