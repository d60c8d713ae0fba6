package supergraph

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
)

// ReadFile gives the SDL in a supergraph's file. The error names the file and
// says how to get one.
func ReadFile(path string) (string, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", fmt.Errorf("reading the supergraph: %s is a directory; name the file in it that `souk compose` has written", path)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("reading the supergraph: %w; `souk compose` makes it from the schemas of subgraphs", err)
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

// mistaken says what a text that is no supergraph seems to be, or gives err,
// the error of reading it as one.
func mistaken(sdl string, err error) error {
	text := strings.TrimSpace(strings.TrimPrefix(sdl, "\ufeff"))
	const how = "`souk compose` makes a supergraph from the schemas of subgraphs"
	switch {
	case text == "":
		return errors.New("it is empty; " + how)
	case text[0] == '{' && strings.Contains(text, `"__schema"`):
		return errors.New("it is the result of an introspection query, which does not say which subgraph has what; " + how)
	case text[0] == '{' || text[0] == '[':
		return fmt.Errorf("it looks like JSON, and not like a schema: %w; %s", err, how)
	case compositionFile.MatchString(text):
		return errors.New("it looks like the configuration of a composition; `souk compose --config FILE --output supergraph.graphql` makes the supergraph from it")
	case supergraphMark.MatchString(text):
		return err
	case subgraphMark.MatchString(text):
		return errors.New("it looks like the schema of a subgraph, and not like a supergraph; " + how)
	case strings.Contains(text, "type ") || strings.Contains(text, "schema"):
		return fmt.Errorf("it looks like an ordinary schema, without the directives of a supergraph: %w; %s", err, how)
	}
	return err
}
