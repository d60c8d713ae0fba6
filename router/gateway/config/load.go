package config

import (
	"fmt"
	"os"

	"souk/internal/filekind"
	"souk/router/internal/yamlfile"
)

// The problems of a configuration file, and the positions of its keys.
type (
	// An Error describes a problem and its position in the configuration file.
	Error = yamlfile.Error
	// Errors lists all problems of a configuration, in file order.
	Errors = yamlfile.Errors
	// A Source records the positions of the keys in a configuration file. A nil Source
	// has no positions.
	Source = yamlfile.Source
)

// Load reads a configuration file. Missing keys have their defaults. It calls
// lookup to expand ${env.NAME} and ${env.NAME:-default} in values. If the file is
// invalid, the error is an [Errors] with all problems.
func Load(path string, lookup func(string) (string, bool)) (Config, error) {
	c, _, err := Read(path, lookup)
	return c, err
}

// Read is like [Load] and also returns the positions of the keys in the file.
func Read(path string, lookup func(string) (string, bool)) (Config, *Source, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, nil, fmt.Errorf("reading the configuration: %w", err)
	}
	return parse(data, path, lookup)
}

// Parse is like [Load] for the contents of a file.
func Parse(data []byte, lookup func(string) (string, bool)) (Config, error) {
	c, _, err := parse(data, "", lookup)
	return c, err
}

// refusedKeys are keys of another file.
var refusedKeys = map[string]string{
	"subgraphs": "it belongs into " + string(filekind.Composition),
}

func parse(data []byte, file string, lookup func(string) (string, bool)) (Config, *Source, error) {
	c := Default()
	source, problems := yamlfile.Decode(data, &c, yamlfile.Options{File: file, Lookup: lookup, Refused: refusedKeys})
	if c.Version != "1" {
		problems = append(problems, source.Problem("version", "version is %q; this router supports version \"1\"", c.Version))
		c.Version = "1" // not a value to report again
	}
	problems = append(problems, c.check(source)...)
	if len(problems) > 0 {
		if url, _ := lookup("REDIS_URL"); url == "" {
			problems = append(problems, c.checkCache(source)...)
		}
		return Config{}, source, problems.Sorted()
	}
	return c, source, nil
}
