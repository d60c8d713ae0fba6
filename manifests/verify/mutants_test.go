package verify

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"
)

var (
	mutantCount = flag.Int("mutants", 0, "how many changes of the manifests TestMutantsAreNoticed tries; -1 means all")
	mutantsOnly = flag.String("mutants.only", "", "a regular expression of the changes that TestMutantsAreNoticed tries, by name; empty: all")
	mutantSeed  = flag.Uint64("mutants.seed", 1, "selects the changes")
)

// A mutant is a change of one value, or the removal of one, or of the whole document if its path
// is empty.
type mutant struct {
	subject  *subject
	document int
	path     []any // keys of maps, indexes of lists, embedded{} and lines
	removed  bool
	value    any
}

type (
	embedded struct{} // a step from a text to the YAML or JSON in it
	line     int      // a step from a text to one of its lines
)

// name is FILE KIND/NAME PATH CHANGE, as mutants.txt has it. An environment variable has its name
// in the path, in place of its place.
func (m mutant) name() string {
	d := m.subject.all[m.document]
	var path strings.Builder
	node := any(d.Object)
	for i, step := range m.path {
		at := node
		switch step := step.(type) {
		case string:
			fmt.Fprintf(&path, ".%s", step)
			if inner, ok := at.(map[string]any); ok {
				node = inner[step]
			}
		case line:
			fmt.Fprintf(&path, "[line %d]", step+1)
		case int:
			place := strconv.Itoa(step)
			if list, ok := at.([]any); ok && step < len(list) {
				node = list[step]
				if v, ok := node.(map[string]any); ok && m.path[i-1] == "env" {
					place, _ = v["name"].(string)
				}
			}
			fmt.Fprintf(&path, "[%s]", place)
		}
	}
	if len(m.path) == 0 {
		return fmt.Sprintf("%s %s/%s removed", d.File, d.GetKind(), d.GetName())
	}
	change := "removed"
	if !m.removed {
		change = fmt.Sprintf("= %v", m.value)
	}
	return fmt.Sprintf("%s %s/%s %s %s", d.File, d.GetKind(), d.GetName(), strings.TrimPrefix(path.String(), "."), change)
}

// noticed reports whether a check of the documents with the change fails.
func (m mutant) noticed() bool {
	changed := slices.Clone(m.subject.all)
	if len(m.path) == 0 {
		changed = slices.Delete(changed, m.document, m.document+1)
		return attempt(func() error { return m.subject.check(changed) }) != nil
	}
	d := &changed[m.document]
	d.Unstructured = d.DeepCopy()
	d.Object = m.apply(d.Object, m.path).(map[string]any)
	return attempt(func() error { return errors.Join(checkTyped(*d), m.subject.check(changed)) }) != nil
}

func (m mutant) apply(node any, path []any) any {
	if len(path) == 0 {
		return m.value
	}
	switch at := node.(type) {
	case map[string]any:
		key := path[0].(string)
		if len(path) == 1 && m.removed {
			delete(at, key)
		} else {
			at[key] = m.apply(at[key], path[1:])
		}
	case []any:
		i := path[0].(int)
		if len(path) == 1 && m.removed {
			return slices.Delete(at, i, i+1)
		}
		at[i] = m.apply(at[i], path[1:])
	case string:
		return m.applyInside(at, path)
	}
	return node
}

// applyInside changes a file that a ConfigMap has as a text.
func (m mutant) applyInside(text string, path []any) string {
	if number, ok := path[0].(line); ok {
		lines := strings.SplitAfter(text, "\n")
		lines[number], _ = m.value.(string) // empty if it is removed
		return strings.Join(lines, "")
	}
	var inside any
	if err := yaml.Unmarshal([]byte(text), &inside); err != nil {
		return text
	}
	changed, err := yaml.Marshal(m.apply(inside, path[1:]))
	if err != nil {
		return text
	}
	return string(changed)
}

// programs are the ConfigMaps whose files are schemas, rules, dashboards and scripts, which have
// tests of their own.
var programs = regexp.MustCompile(`^(api-gateway-(graph|rest)|prometheus-rules|grafana-dashboards|load-test)$`)

// mutants returns all changes of the documents of a subject.
func (s *subject) mutants() []mutant {
	var list []mutant
	for i, d := range s.all {
		if !strings.HasPrefix(d.File, s.files) {
			continue
		}
		var walk func(node any, path []any)
		add := func(path []any, removed bool, value any) {
			list = append(list, mutant{subject: s, document: i, path: slices.Clone(path), removed: removed, value: value})
		}
		walk = func(node any, path []any) {
			if len(path) > 1 {
				add(path, true, nil)
			}
			switch at := node.(type) {
			case map[string]any:
				for _, key := range slices.Sorted(maps.Keys(at)) {
					walk(at[key], append(path, key))
				}
			case []any:
				for index, item := range at {
					walk(item, append(path, index))
				}
			case string:
				add(path, false, another(at))
				for _, inner := range inside(path, at) {
					if inner.lines == nil {
						walk(inner.node, append(path, embedded{}))
					}
					for i, changed := range inner.lines {
						add(append(path, line(i)), true, nil)
						add(append(path, line(i)), false, changed)
					}
				}
			default:
				add(path, false, another(at))
			}
		}
		add(nil, true, nil)
		for _, key := range slices.Sorted(maps.Keys(d.Object)) {
			if d.GetKind() == "ConfigMap" && key == "data" && programs.MatchString(d.GetName()) {
				continue
			}
			walk(d.Object[key], []any{key})
		}
	}
	return list
}

// A file is what is in a text of a ConfigMap: a tree, or directives by line with another value.
type file struct {
	node  any
	lines map[int]string
}

// inside returns the file at a path, if it is one.
func inside(path []any, text string) []file {
	if len(path) < 2 || path[0] != "data" {
		return nil
	}
	name, _ := path[1].(string)
	switch filepath.Ext(name) {
	case ".yaml", ".yml", ".json":
		var node any
		if err := yaml.Unmarshal([]byte(text), &node); err == nil && len(path) == 2 {
			return []file{{node: node}}
		}
	case ".conf":
		directives := map[int]string{}
		for i, directive := range strings.SplitAfter(text, "\n") {
			if directive = strings.TrimSpace(directive); directive == "" || strings.HasPrefix(directive, "#") {
				continue
			}
			words := strings.Fields(directive)
			words[len(words)-1], _ = another(words[len(words)-1]).(string)
			directives[i] = strings.Join(words, " ") + "\n"
		}
		return []file{{lines: directives}}
	}
	return nil
}

var number = regexp.MustCompile(`^[0-9]`)

// another returns another value of the same type.
func another(value any) any {
	switch v := value.(type) {
	case bool:
		return !v
	case int64:
		return v + 1
	case float64:
		return v + 1
	case string:
		if number.MatchString(v) {
			return "1" + v
		}
		return v + "x"
	}
	return "x"
}

// An allowance is a line of mutants.txt: changes that no check needs to notice.
type allowance struct {
	pattern *regexp.Regexp
	text    string
	used    bool
}

// allowances reads mutants.txt: a reason after "#", and the patterns that it covers.
func allowances(t *testing.T) []*allowance {
	t.Helper()
	text, err := os.ReadFile("mutants.txt")
	if err != nil {
		t.Fatal(err)
	}
	var list []*allowance
	reason := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			reason = false
		case strings.HasPrefix(line, "#"):
			reason = true
		case !reason:
			t.Fatalf("mutants.txt: %q has no reason above it", line)
		default:
			pattern, err := regexp.Compile("^(?:" + line + ")")
			if err != nil {
				t.Fatalf("mutants.txt: %v", err)
			}
			list = append(list, &allowance{pattern: pattern, text: line})
		}
	}
	return list
}

// Every change of a value in the manifests is noticed by a fast check, or mutants.txt has the
// reason why it is not.
func TestMutantsAreNoticed(t *testing.T) {
	if *mutantCount == 0 {
		t.Skip("runs by make mutants")
	}
	var list []mutant
	for _, s := range subjects(t) {
		if err := attempt(func() error { return s.check(s.all) }); err != nil {
			t.Fatalf("%s: %v", s.files, err)
		}
		list = append(list, s.mutants()...)
	}
	only, err := regexp.Compile(*mutantsOnly)
	if err != nil {
		t.Fatalf("-mutants.only: %v", err)
	}
	total := len(list)
	list = slices.DeleteFunc(list, func(m mutant) bool { return !only.MatchString(m.name()) })
	allowed := allowances(t)
	random := rand.New(rand.NewPCG(*mutantSeed, 0))
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	if *mutantCount > 0 {
		list = list[:min(*mutantCount, len(list))]
	}
	survived := make([]bool, len(list))
	work := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := range work {
				survived[i] = !list[i].noticed()
			}
		})
	}
	for i := range list {
		work <- i
	}
	close(work)
	workers.Wait()
	var unnoticed []string
	excused := 0
	for i, m := range list {
		if !survived[i] {
			continue
		}
		name := m.name()
		at := slices.IndexFunc(allowed, func(a *allowance) bool { return a.pattern.MatchString(name) })
		if at < 0 {
			unnoticed = append(unnoticed, name)
			continue
		}
		allowed[at].used = true
		excused++
	}
	slices.Sort(unnoticed)
	for _, name := range unnoticed {
		t.Errorf("not noticed: %s", name)
	}
	for _, a := range allowed {
		if len(list) == total && !a.used {
			t.Logf("mutants.txt: every change that matches %q is noticed, or matches a line before it", a.text)
		}
	}
	t.Log(strconv.Itoa(len(list)), "of", total, "changes tried with the seed", *mutantSeed, "-", len(list)-excused-len(unnoticed), "noticed,", excused, "in mutants.txt,", len(unnoticed), "neither")
}
