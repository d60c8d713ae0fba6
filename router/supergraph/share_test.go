package supergraph_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"souk/router/supergraph"
)

// A comparison walks through two models at the same time.
type comparison struct {
	former map[uintptr]bool // what the new model must not refer to
	seen   map[[2]uintptr]bool
}

// differ returns where two values differ, or "". It leaves out what a model notes for the next one.
func (c *comparison) differ(path string, a, b reflect.Value) string {
	if a.Kind() != b.Kind() {
		return path + ": kinds"
	}
	switch a.Kind() {
	case reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				return path + ": nil"
			}
			return ""
		}
		if c.former[a.Pointer()] {
			return path + ": it is of the former model"
		}
		pair := [2]uintptr{a.Pointer(), b.Pointer()}
		if c.seen[pair] {
			return ""
		}
		c.seen[pair] = true
		return c.differ(path, a.Elem(), b.Elem())
	case reflect.Interface:
		return c.differ(path, a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			switch name := a.Type().Field(i).Name; name {
			case "text", "api", "taken", "frame", "version":
			default:
				if d := c.differ(path+"."+name, a.Field(i), b.Field(i)); d != "" {
					return d
				}
			}
		}
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d and %d elements", path, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if d := c.differ(fmt.Sprintf("%s[%d]", path, i), a.Index(i), b.Index(i)); d != "" {
				return d
			}
		}
	case reflect.Map:
		if a.Len() != b.Len() {
			return path + ": sizes"
		}
		if a.Type().Key().Kind() != reflect.String {
			return "" // the values of contexts, whose keys are types
		}
		for _, k := range a.MapKeys() {
			other := b.MapIndex(k)
			if !other.IsValid() {
				return fmt.Sprintf("%s: no %v", path, k)
			}
			if d := c.differ(fmt.Sprintf("%s[%v]", path, k), a.MapIndex(k), other); d != "" {
				return d
			}
		}
	default:
		if !a.Equal(b) {
			return fmt.Sprintf("%s: %v and %v", path, a, b)
		}
	}
	return ""
}

// belongings are the types and subgraphs of a model, and their parts.
func belongings(m *supergraph.Model) map[uintptr]bool {
	all := map[uintptr]bool{}
	if m == nil {
		return all
	}
	put := func(p any) { all[reflect.ValueOf(p).Pointer()] = true }
	for _, g := range m.Subgraphs {
		put(g)
	}
	for _, t := range m.Types() {
		put(t)
		for _, in := range t.In {
			put(in)
		}
		for _, f := range t.Fields {
			put(f)
			for _, in := range f.In {
				put(in)
			}
			for _, a := range f.Arguments {
				put(a)
			}
		}
	}
	return all
}

// sameAfter compares the model of an SDL that shares with a former one with a model of its own.
func sameAfter(t *testing.T, sdl string, former *supergraph.Model) *supergraph.Model {
	t.Helper()
	got, err := supergraph.ParseAfter(sdl, former, func() {})
	want, wanted := supergraph.Parse(sdl)
	if err != nil || wanted != nil {
		if fmt.Sprint(err) != fmt.Sprint(wanted) {
			t.Errorf("got the error %v, want %v", err, wanted)
		}
		return nil
	}
	c := &comparison{former: belongings(former), seen: map[[2]uintptr]bool{}}
	if d := c.differ("model", reflect.ValueOf(got), reflect.ValueOf(want)); d != "" {
		t.Errorf("the models differ: %s", d)
	}
	return got
}

// edits returns texts that differ from one in a line, which is removed, repeated or changed.
func edits(sdl string, every int) (all []string) {
	lines := strings.SplitAfter(sdl, "\n")
	join := func(i int, line string) {
		all = append(all, strings.Join(lines[:i], "")+line+strings.Join(lines[i+1:], ""))
	}
	for i := 0; i < len(lines); i += every {
		line := lines[i]
		join(i, "")
		join(i, line+line)
		join(i, strings.Replace(line, "String", "Int", 1))
		join(i, strings.Replace(line, ":", "Other:", 1))
		join(i, strings.Replace(line, "type ", "interface ", 1))
		join(i, strings.TrimSuffix(line, "\n")+" @inaccessible\n")
	}
	return all
}

func TestModelThatSharesTypesIsThatOfItsText(t *testing.T) {
	texts := map[string]int{} // with the distance of the lines to change
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[string(archive.Files[0].Data)] = 5
	}
	store, err := os.ReadFile("../../schema/supergraph.graphql")
	if err != nil {
		t.Fatal(err)
	}
	texts[string(store)] = 211
	for sdl, every := range texts {
		former, err := supergraph.Parse(sdl)
		if err != nil {
			continue
		}
		next := sameAfter(t, sdl, former)
		for _, edited := range edits(sdl, every) {
			if last := sameAfter(t, edited, next); last != nil {
				sameAfter(t, sdl, last)
			}
			if t.Failed() {
				t.Fatalf("of\n%.5000s", edited)
			}
		}
	}
}
