package attributes

import (
	"regexp"

	"souk/router/gateway/config"
)

// Conditions must all hold.
type Conditions struct {
	set  Set
	list []condition
}

type condition struct {
	config.Condition
	pattern *regexp.Regexp
}

// Conditions compiles conditions of a valid configuration.
func (s Set) Conditions(list []config.Condition) Conditions {
	out := Conditions{set: s}
	for _, c := range list {
		one := condition{Condition: c}
		if c.Matches != "" {
			one.pattern = regexp.MustCompile("^(?:" + c.Matches + ")$")
		}
		out.list = append(out.list, one)
	}
	return out
}

// Hold reports whether all conditions hold.
func (c Conditions) Hold(from *Source) bool {
	for _, one := range c.list {
		if one.holds(c.set.Value(one.Attribute, from)) == one.Not {
			return false
		}
	}
	return true
}

func (c *condition) holds(value string) bool {
	if c.Equals == "" && c.pattern == nil {
		return value != ""
	}
	return (c.Equals == "" || value == c.Equals) && (c.pattern == nil || c.pattern.MatchString(value))
}
