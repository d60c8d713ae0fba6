package convert

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"souk/router/gateway/config"
)

// validated returns the result as YAML, without what this router does not accept: that
// becomes a note.
func (c *conversion) validated() (string, error) {
	for {
		c.out.prune()
		c.withoutServer()
		out := &writer{line: 1}
		c.out.write(out, "")
		removed, err := c.mend(out.String())
		if err != nil || !removed {
			return out.String(), err
		}
	}
}

// mend removes what this router does not accept. It reports whether there was something.
// References to variables that are not set here are kept: they need to be set where the
// router runs.
func (c *conversion) mend(text string) (removed bool, err error) {
	unresolved := false
	for {
		parsed, err := config.Parse([]byte(text), withPlanToken(os.LookupEnv))
		problems := config.Errors(nil)
		if err == nil && !unresolved {
			err = parsed.Check(nil)
			return errors.As(err, &problems) && c.withoutPlace(problems), nil
		}
		if err == nil {
			return false, nil
		}
		if !errors.As(err, &problems) {
			return false, fmt.Errorf("checking the result: %w", err)
		}
		problems = slices.DeleteFunc(problems, aboutFile)
		if len(problems) == 0 {
			return false, nil
		}
		before, lines := strings.Split(text, "\n"), strings.Split(text, "\n")
		again := false
		for _, p := range problems {
			if p.Line > 0 && p.Line <= len(lines) && (strings.Contains(before[p.Line-1], "${env.") || strings.Contains(before[p.Line-1], "${file.")) {
				lines[p.Line-1], unresolved, again = "#", true, true
				continue
			}
			removed = c.removeLine(c.out, p.Line, p.Message) || removed
		}
		if removed {
			return true, nil
		}
		if !again {
			return false, fmt.Errorf("the result is not valid: %w", err)
		}
		text = strings.Join(lines, "\n")
	}
}

// removeLine removes what is at a line of the result.
func (c *conversion) removeLine(b *branch, line int, why string) bool {
	for _, key := range b.keys {
		child := b.below[key]
		if child.line == line && (child.text != "" || child.isList || len(child.keys) == 0 || !nested(child, line)) {
			b.remove(key)
			c.drop(child, why)
			return true
		}
		if c.removeLine(child, line, why) {
			return true
		}
		for _, item := range child.items {
			if c.removeLine(item, line, why) {
				return true
			}
		}
	}
	return false
}

// nested reports whether a branch has another one at a line.
func nested(b *branch, line int) bool {
	for _, key := range b.keys {
		if b.below[key].line == line || nested(b.below[key], line) {
			return true
		}
	}
	return false
}

// drop reports the keys of the input that a branch is from.
func (c *conversion) drop(b *branch, why string) {
	for _, from := range b.from {
		for i := range c.notes {
			if c.notes[i].Key == from && c.notes[i].Status != None {
				c.notes[i].Status, c.notes[i].To, c.notes[i].Note = None, "", "this router does not accept the value: "+why
			}
		}
	}
	for _, key := range b.keys {
		c.drop(b.below[key], why)
	}
	for _, item := range b.items {
		c.drop(item, why)
	}
}

// aboutFile reports whether a problem is that a file of TLS cannot be read. It needs to be where the
// router runs.
func aboutFile(p *config.Error) bool { return strings.Contains(p.Message, ".redis: tls.") }

// withoutPlace removes the block of each problem that has no place in the result.
func (c *conversion) withoutPlace(problems config.Errors) bool {
	removed := false
	for _, p := range problems {
		key, _, _ := strings.Cut(p.Message, " ")
		path := strings.Split(strings.TrimSuffix(key, ":"), ".")
		if len(path) < 2 || !c.out.has(path...) {
			continue
		}
		at := c.out.at(path...)
		c.out.at(path[:len(path)-1]...).remove(path[len(path)-1])
		c.drop(at, p.Message)
		removed = true
	}
	return removed
}
