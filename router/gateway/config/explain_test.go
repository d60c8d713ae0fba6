package config_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// placeholder matches what a user would have to replace to know what the example means.
var placeholder = regexp.MustCompile(`\bNAME\b|\bvalue\b|\bstring\b|\.\.\.|^\s*:|\n\s*:`)

// Each key has a description, is documented where it says, and its example is a
// configuration file that sets it.
func TestEveryKeyIsExplained(t *testing.T) {
	text, err := os.ReadFile("../../../docs/router.yaml")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	keys := config.Keys()
	if len(keys) < 150 {
		t.Errorf("there are only %d keys", len(keys))
	}
	lookup := func(name string) (string, bool) { return "0123456789abcdef", name == "SECRET" }
	for _, name := range keys {
		k, err := config.Explain(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if k.Description == "" || k.Type == "" {
			t.Errorf("%s has no description", name)
		}
		file, number, _ := strings.Cut(k.Documented, ":")
		line, err := strconv.Atoi(number)
		if err != nil || file != "docs/router.yaml" || line < 1 || line > len(lines) {
			t.Errorf("%s is documented at %q", name, k.Documented)
			continue
		}
		key, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(lines[line-1]), "# "), ":")
		if !slices.Contains(strings.Split(name, "."), key) {
			t.Errorf("%s is documented at %s, which is %q", name, k.Documented, lines[line-1])
		}
		if placeholder.MatchString(k.Example) {
			t.Errorf("%s: the example has a placeholder\n%s", name, k.Example)
		}
		if _, err := config.Parse([]byte(k.Example), lookup); err != nil {
			t.Errorf("%s: the example is no configuration: %v\n%s", name, err, k.Example)
		}
	}
}

// Of keys that are as similar as each other, the same one is suggested each time.
func TestSuggestedKeyIsTheSameEachTime(t *testing.T) {
	_, want := config.Explain("client_ce") // clients, or client_name
	for range 20 {
		if _, err := config.Explain("client_ce"); err == nil || err.Error() != want.Error() {
			t.Fatalf("got %v and %v", want, err)
		}
	}
}

func TestUnknownKeysAreNotExplained(t *testing.T) {
	for name, want := range map[string]string{
		"limits.max_dept": "did you mean limits.max_depth?", "listen.port": "nothing is below string", "cors.nothing_alike": "the keys are ", "": "the keys are ",
		"max_dept": "did you mean limits.max_depth", "jwks": "did you mean authentication.jwt.jwks?", "allow_origins": "did you mean cors.allow_origins or ",
		"traffic_shaping.subgraphs.products.timeot": "did you mean traffic_shaping.subgraphs.products.timeout?",
	} {
		if _, err := config.Explain(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
	}
}
