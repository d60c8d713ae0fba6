package compose_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"souk/router/compose"
)

// apolloPackages are the versions to compare with.
var apolloPackages = []string{"@apollo/composition@2.14.4", "graphql@16.15.0"}

// apolloResult is the output of testdata/apollo.mjs for one list of subgraphs.
type apolloResult struct {
	Supergraph string
	Errors     []struct{ Code, Message string }
	Hints      []struct{ Code, Coordinate string }
}

// installApollo installs @apollo/composition in a folder for the test, and returns the
// script that runs it.
func installApollo(t testing.TB) (script string, err error) {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return "", fmt.Errorf("%s is required to run @apollo/composition: %w", program, err)
		}
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", append([]string{"install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--prefix", dir}, apolloPackages...)...)
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot install %v: %w\n%s", apolloPackages, err, out)
	}
	text, err := os.ReadFile("testdata/apollo.mjs")
	if err != nil {
		t.Fatal(err)
	}
	script = filepath.Join(dir, "apollo.mjs")
	if err := os.WriteFile(script, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return script, nil
}

// apolloInput encodes lists of subgraphs for the script.
func apolloInput(t testing.TB, all [][]compose.Subgraph) []byte {
	t.Helper()
	type subgraph struct {
		Name string `json:"name"`
		URL  string `json:"url"`
		SDL  string `json:"sdl"`
	}
	var input [][]subgraph
	for _, subgraphs := range all {
		var list []subgraph
		for _, s := range subgraphs {
			list = append(list, subgraph{s.Name, s.URL, s.SDL})
		}
		input = append(input, list)
	}
	encoded, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	return encoded
}

// apollo composes each list of subgraphs with @apollo/composition. It skips the test if
// it cannot install that.
func apollo(t *testing.T, all [][]compose.Subgraph) []apolloResult {
	t.Helper()
	script, err := installApollo(t)
	if err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", script)
	node.Stdin = bytes.NewReader(apolloInput(t, all))
	node.Stderr = os.Stderr
	output, err := node.Output()
	if err != nil {
		t.Fatal(err)
	}
	var results []apolloResult
	if err := json.Unmarshal(output, &results); err != nil {
		t.Fatal(err)
	}
	return results
}

func storeSubgraphs(t *testing.T) []compose.Subgraph {
	t.Helper()
	config, err := compose.ReadConfig(storeConfig, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	subgraphs, err := config.Load(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return subgraphs
}

// TestResultsMatchApollo compares the results with those of Apollo's composition:
// equivalent supergraphs for valid cases and the same error codes for invalid
// ones.
func TestResultsMatchApollo(t *testing.T) {
	if testing.Short() {
		t.Skip("installs an npm package")
	}
	cases := append([]composition{{name: "the store"}}, compositions...)
	all := [][]compose.Subgraph{storeSubgraphs(t)}
	for _, c := range compositions {
		all = append(all, c.list())
	}
	for i, theirs := range apollo(t, all) {
		t.Run(cases[i].name, func(t *testing.T) {
			var codes []string
			for _, e := range theirs.Errors {
				codes = append(codes, e.Code)
			}
			// TestResultsMatchExpectedCodes checks that ours are cases[i].codes.
			if want := cases[i].codes; !sameCodes(codes, want) {
				t.Fatalf("Apollo's codes %v %v, want %v", codes, theirs.Errors, want)
			}
			matchApollo(t, all[i], theirs)
		})
	}
}

func codesOf(err error) []string {
	if err == nil {
		return nil
	}
	problems, ok := err.(compose.Errors) //nolint:errorlint // Compose returns Errors unwrapped
	if !ok {
		return []string{"not compose.Errors: " + err.Error()}
	}
	var codes []string
	for _, e := range problems {
		codes = append(codes, e.Code)
	}
	return codes
}

// sameCodes compares codes as sets: how often a mistake is reported may differ.
func sameCodes(a, b []string) bool {
	set := func(codes []string) []string { return slices.Compact(slices.Sorted(slices.Values(codes))) }
	return slices.Equal(set(a), set(b))
}
