package supergraph

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"souk/internal/filekind"
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

// mistaken returns an error that says what a text that is not a supergraph seems
// to be. If it cannot tell, it returns err, the error of parsing the text.
func mistaken(sdl string, err error) error {
	const how = "create a supergraph from the subgraph schemas with `souk compose`"
	switch kind := filekind.Of(sdl); kind {
	case filekind.Empty:
		return errors.New("it is empty; " + how)
	case filekind.Introspection:
		return fmt.Errorf("it looks like %s, which does not contain what each subgraph defines; %s", kind, how)
	case filekind.JSON, filekind.Operation:
		return fmt.Errorf("it looks like %s instead of a schema: %w; %s", kind, err, how)
	case filekind.Composition:
		return errors.New("it looks like the configuration of a composition; run `souk compose --config FILE --output supergraph.graphql` with it")
	case filekind.Router:
		return fmt.Errorf("it looks like %s; %s", kind, how)
	case filekind.Subgraph:
		return fmt.Errorf("it looks like %s; %s", kind, how)
	case filekind.Schema:
		return fmt.Errorf("it looks like a schema without the directives of a supergraph: %w; %s", err, how)
	}
	return err
}
