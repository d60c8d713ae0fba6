package docs_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// kubectl returns the words of every kubectl command in the shell blocks of a
// document, with loops over words unrolled.
func kubectl(document string) (commands [][]string) {
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllStringSubmatch(document, -1) {
		for _, line := range unroll(block[1]) {
			for _, part := range strings.SplitAfter(line, " | ") {
				if words, ok := strings.CutPrefix(strings.TrimSpace(part), "kubectl "); ok {
					commands = append(commands, split(words))
				}
			}
		}
	}
	return commands
}

// unroll returns the lines of a script, those of a loop once for each word.
func unroll(script string) (lines []string) {
	loop := regexp.MustCompile(`^for (\w+) in (.*); do$`)
	var variable string
	var values []string
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if match := loop.FindStringSubmatch(line); match != nil {
			variable, values = match[1], strings.Fields(match[2])
			continue
		}
		if line == "done" {
			variable = ""
			continue
		}
		if variable == "" {
			lines = append(lines, line)
			continue
		}
		for _, value := range values {
			lines = append(lines, strings.ReplaceAll(line, "$"+variable, value))
		}
	}
	return lines
}

// split divides a command as a shell does, up to quotes within quotes.
func split(command string) (words []string) {
	const piece = `'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\s'"]+)`
	pieces := regexp.MustCompile(piece)
	for _, word := range regexp.MustCompile(`(?:`+piece+`)+`).FindAllString(command, -1) {
		words = append(words, pieces.ReplaceAllString(word, "$1$2$3"))
	}
	return words
}

// An object is a Kubernetes object of the manifests.
type object struct {
	Kind     string
	Metadata struct{ Name, Namespace string }
	all      map[string]any
}

func readObjects(t *testing.T, patterns ...string) (objects []object) {
	t.Helper()
	for _, pattern := range patterns {
		paths, err := filepath.Glob(filepath.Join(top, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no file matches %s: %v", pattern, err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
				var node ast.Node
				if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				var o object
				if err := errors.Join(yaml.NodeToValue(node, &o), yaml.NodeToValue(node, &o.all)); err != nil {
					t.Fatalf("%s: %v", path, err)
				}
				objects = append(objects, o)
			}
		}
	}
	return objects
}

// at returns what is at a path of keys and indices.
func (o object) at(path ...string) (any, bool) {
	var here any = o.all
	for _, step := range path {
		switch value := here.(type) {
		case map[string]any:
			next, found := value[step]
			if !found {
				return nil, false
			}
			here = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(value) {
				return nil, false
			}
			here = value[i]
		default:
			return nil, false
		}
	}
	return here, true
}

func (o object) containers() (names []string) {
	list, _ := o.at("spec", "template", "spec", "containers")
	all, _ := list.([]any)
	for _, c := range all {
		if container, ok := c.(map[string]any); ok {
			name, _ := container["name"].(string)
			names = append(names, name)
		}
	}
	return names
}

func (o object) ports() (numbers []int) {
	list, _ := o.at("spec", "ports")
	all, _ := list.([]any)
	for _, p := range all {
		if port, ok := p.(map[string]any); ok {
			number, _ := port["port"].(uint64)
			numbers = append(numbers, int(number))
		}
	}
	return numbers
}
