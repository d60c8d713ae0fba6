package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"souk/internal/boundedfile"
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
// lookup to expand ${env.NAME} and ${env.NAME:-default} in values; ${file.PATH} is the
// content of a file, without a line break at its end. A PATH that is not absolute is relative
// to the configuration file. If the file is invalid, the error is an [Errors] with all problems.
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

// Parse is like [Load] for the contents of a file. It keeps ${file.PATH} as it is.
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
	options := yamlfile.Options{File: file, Lookup: lookup, Refused: refusedKeys, Elsewhere: sameElsewhere}
	if file != "" {
		options.ReadFile = func(path string) (string, error) { return readSecret(filepath.Dir(file), path) }
	}
	source, problems := yamlfile.Decode(data, &c, options)
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

// maxSecret bounds the size of a file that a value refers to, in bytes.
const maxSecret = 64 << 10

// ReferredFiles returns the files that the text of a configuration file refers to as ${file.PATH}.
// file is the path of the configuration.
func ReferredFiles(file string, text []byte) []string {
	files := yamlfile.References(string(text))
	for i, path := range files {
		files[i] = besides(filepath.Dir(file), path)
	}
	return files
}

// besides returns the path of a file that a configuration in a directory refers to.
func besides(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// ReadReferred returns the content of a file that a configuration refers to.
func ReadReferred(path string) ([]byte, error) {
	return boundedfile.ReadRegular(path, maxSecret)
}

// readSecret returns the content of a file that a value refers to. Files with secrets, such as
// those that Kubernetes and Docker mount, may end with a line break.
func readSecret(dir, path string) (string, error) {
	content, err := ReadReferred(besides(dir, path))
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r"), nil
}
