// Command generate generates the gqlgen code of the named subgraphs, or of all:
//
//	go run ./subgraphs/internal/generate [name…]
//
// The subgraphs are the directories of subgraphs/ whose schema is in schema/: a
// new one needs subgraphs/NAME and schema/NAME.graphqls.
//
// It exists because one gqlgen.yml serves all subgraphs, and gqlgen does not
// expand variables in it.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
	"github.com/vektah/gqlparser/v2/ast"
)

const placeholder = "SUBGRAPH"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(chosen []string) error {
	if err := chdirToRoot(); err != nil {
		return err
	}
	names, err := subgraphs()
	if err != nil {
		return err
	}
	if len(chosen) == 0 {
		chosen = names
	}
	for _, name := range chosen {
		if !slices.Contains(names, name) {
			return fmt.Errorf("unknown subgraph %q; the subgraphs are %s; another one needs the directory subgraphs/%[1]s and schema/%[1]s.graphqls", name, strings.Join(names, ", "))
		}
	}
	template, err := os.ReadFile("gqlgen.yml")
	if err != nil {
		return err
	}
	if err := writeMembers(names); err != nil {
		return fmt.Errorf("generating the union members: %w", err)
	}
	for _, name := range chosen {
		if err := generate(template, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// chdirToRoot changes to the directory of gqlgen.yml: go generate runs
// commands in the directory of the package.
func chdirToRoot() error {
	start, err := os.Getwd()
	if err != nil {
		return err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "gqlgen.yml")); err == nil {
			return os.Chdir(dir)
		}
		if dir == filepath.Dir(dir) {
			return fmt.Errorf("no gqlgen.yml in %s or above it", start)
		}
	}
}

// subgraphs returns the names of the directories of subgraphs/ that have a
// schema.
func subgraphs() (names []string, err error) {
	entries, err := os.ReadDir("subgraphs")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, err := os.Stat("schema/" + e.Name() + ".graphqls"); e.IsDir() && err == nil {
			names = append(names, e.Name())
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no directory of subgraphs/ has a schema in schema/")
	}
	return names, nil
}

func generate(template []byte, name string) error {
	text := bytes.ReplaceAll(template, []byte(placeholder), []byte(name))
	cfg, err := config.ReadConfig(bytes.NewReader(text))
	if err != nil {
		return err
	}
	// gqlgen compares its output with the package, which a new subgraph does not have.
	if err := os.MkdirAll(filepath.Dir(cfg.Exec.Filename), 0o755); err != nil {
		return err
	}
	if err := api.Generate(cfg, api.AddPlugin(costDirectives{})); err != nil {
		return err
	}
	return suppressStaticcheck(cfg.Federation.Filename)
}

// suppressStaticcheck disables a staticcheck rule in the generated code.
// gqlgen tries an entity's keys in a loop that always ends in its first
// iteration, so that break can skip to the next key.
func suppressStaticcheck(file string) error {
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	header, rest, ok := bytes.Cut(code, []byte("\n\n"))
	if !ok {
		return fmt.Errorf("%s has no header comment", file)
	}
	return os.WriteFile(file, slices.Concat(header, []byte("\n\n//lint:file-ignore SA4004 the loop is for its break\n\n"), rest), 0o644)
}

// costDirectives declares the federation directives that gqlgen does not know.
// They are built in, so that `_service` does not repeat them.
type costDirectives struct{}

func (costDirectives) Name() string { return "cost-directives" }

func (costDirectives) InjectSourcesEarly() ([]*ast.Source, error) { //nolint:unparam // gqlgen's plugin.EarlySourcesInjector
	return []*ast.Source{{Name: "cost.graphqls", BuiltIn: true, Input: `
directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
`}}, nil
}
