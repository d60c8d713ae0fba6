package operation

import (
	"math"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// An Int has 32 bits and a Float is finite, but an ID may be an integer of any size (GraphQL, sections
// 3.5.1, 3.5.2 and 3.5.5), and a custom scalar may have any number. The parser library refuses all integers of
// more than 64 bits, also within lists and objects.

// useNumbers replaces the errors of the validator about numbers that are out of range.
func useNumbers(r *rules.Rules) {
	for _, rule := range []core.Rule{rules.ValuesOfCorrectTypeRule, rules.ValuesOfCorrectTypeRuleWithoutSuggestions} {
		r.ReplaceRule(rule.Name, anySize(rule.RuleFunc)) // if it is used
	}
}

// anySize returns a rule without its error for values that the library cannot convert. It is the first
// error of such a value.
func anySize(rule core.RuleFunc) core.RuleFunc {
	return func(on *core.Events, report core.AddErrFunc) {
		var fresh *ast.Value // no error has been reported for it
		on.OnValue(func(_ *core.Walker, v *ast.Value) { fresh = v })
		rule(on, func(options ...core.ErrorOption) {
			if fresh != nil {
				_, err := fresh.Value(nil)
				if fresh = nil; err != nil {
					return
				}
			}
			report(options...)
		})
	}
}

// numbersInRange reports numbers that are out of the range of their type.
func numbersInRange(on *core.Events, report core.AddErrFunc) {
	on.OnValue(func(_ *core.Walker, v *ast.Value) {
		if v.Definition == nil || v.ExpectedType == nil || inRange(v.Definition.Name, v) {
			return
		}
		message := "Int cannot represent non 32-bit signed integer value: %s"
		if v.Definition.Name == "Float" {
			message = "Float cannot represent non numeric value: %s"
		}
		report(core.Message(message, v.Raw), core.At(v.Position))
	})
}

// inRange reports whether a literal is within the range of a type, if both are numbers.
func inRange(typ string, v *ast.Value) bool {
	switch {
	case typ == "Int" && v.Kind == ast.IntValue:
		_, err := strconv.ParseInt(v.Raw, 10, 32)
		return err == nil
	case typ == "Float" && (v.Kind == ast.IntValue || v.Kind == ast.FloatValue):
		f, err := strconv.ParseFloat(v.Raw, 64)
		return err == nil && !math.IsInf(f, 0)
	}
	return true
}
