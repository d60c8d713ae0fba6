package supergraph

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// ReadFile returns the SDL in a supergraph file. Its errors name the file and say
// how to create one.
func ReadFile(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", fmt.Errorf("reading the supergraph: %s is a directory; name the file that `souk compose` wrote", path)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the supergraph: %w; create it from the subgraph schemas with `souk compose`", err)
	}
	if err != nil {
		return "", fmt.Errorf("reading the supergraph: %w", err)
	}
	return string(data), nil
}

var (
	compositionFile = regexp.MustCompile(`(?m)^(subgraphs|federation_version):`)
	subgraphMark    = regexp.MustCompile(`specs\.apollo\.dev/federation|@key\s*\(|@external\b|@shareable\b|\b_entities\b|\b_service\b`)
	supergraphMark  = regexp.MustCompile(`specs\.apollo\.dev/join|\bjoin__`)
)

// mistaken returns an error that says what a text that is not a supergraph seems
// to be. If it cannot tell, it returns err, the error of parsing the text.
func mistaken(sdl string, err error) error {
	text := strings.TrimSpace(strings.TrimPrefix(sdl, "\ufeff"))
	const how = "create a supergraph from the subgraph schemas with `souk compose`"
	switch {
	case text == "":
		return errors.New("it is empty; " + how)
	case text[0] == '{' && strings.Contains(text, `"__schema"`):
		return errors.New("it looks like the result of an introspection query, which does not contain what each subgraph defines; " + how)
	case text[0] == '{' || text[0] == '[':
		return fmt.Errorf("it looks like JSON instead of a schema: %w; %s", err, how)
	case compositionFile.MatchString(text):
		return errors.New("it looks like the configuration of a composition; run `souk compose --config FILE --output supergraph.graphql` with it")
	case supergraphMark.MatchString(text):
		return err
	case subgraphMark.MatchString(text):
		return errors.New("it looks like the schema of a single subgraph; " + how)
	case strings.Contains(text, "type ") || strings.Contains(text, "schema"):
		return fmt.Errorf("it looks like a schema without the directives of a supergraph: %w; %s", err, how)
	}
	return err
}
