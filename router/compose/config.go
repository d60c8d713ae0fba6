package compose

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Config is the configuration file of a composition. It has the format of rover's
// supergraph.yaml and also allows several files per subgraph.
type Config struct {
	// FederationVersion is accepted for compatibility with rover and must be a
	// version of Federation 2. Otherwise it has no effect: the version that an
	// SDL links to applies.
	FederationVersion string `yaml:"federation_version,omitempty"`
	// Subgraphs are the subgraphs by name.
	Subgraphs map[string]SubgraphConfig `yaml:"subgraphs"`
}

// SubgraphConfig names the URL of a subgraph and the source of its SDL.
type SubgraphConfig struct {
	RoutingURL string       `yaml:"routing_url"`
	Schema     SchemaConfig `yaml:"schema"`
}

// SchemaConfig names the source of an SDL. Exactly one field must be set.
type SchemaConfig struct {
	File        string   `yaml:"file,omitempty"`         // relative to the configuration file
	Files       []string `yaml:"files,omitempty"`        // files to concatenate, in order
	SubgraphURL string   `yaml:"subgraph_url,omitempty"` // running subgraph that answers _service { sdl }
}

// ReadConfig reads and validates a configuration file. An unknown key is an error
// that names the line.
func ReadConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of the composition: %w", err)
	}
	var config Config
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField())
	if err := decoder.Decode(&config); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &config, nil
}

func (c *Config) validate() error {
	if v := strings.TrimPrefix(c.FederationVersion, "="); v != "" && v != "2" && !strings.HasPrefix(v, "2.") {
		return fmt.Errorf("federation_version is %q; only Federation 2 is supported, such as =2.9.0", c.FederationVersion)
	}
	if len(c.Subgraphs) == 0 {
		return errors.New("no subgraphs; add at least one with its routing_url and schema.file")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Subgraphs)) {
		subgraph := c.Subgraphs[name]
		if subgraph.RoutingURL == "" && subgraph.Schema.SubgraphURL == "" {
			return fmt.Errorf("subgraphs.%s has no routing_url, the URL to which the router sends requests", name)
		}
		sources := 0
		for _, given := range []bool{subgraph.Schema.File != "", len(subgraph.Schema.Files) > 0, subgraph.Schema.SubgraphURL != ""} {
			if given {
				sources++
			}
		}
		if sources != 1 {
			return fmt.Errorf("subgraphs.%s.schema names %d sources; it needs exactly one of file, files, subgraph_url", name, sources)
		}
	}
	return nil
}

// Load returns the configured subgraphs with their SDLs, sorted by name. Files are
// relative to dir. client fetches the SDL of running subgraphs.
func (c *Config) Load(ctx context.Context, dir string, client *http.Client) ([]Subgraph, error) {
	var subgraphs []Subgraph
	for _, name := range slices.Sorted(maps.Keys(c.Subgraphs)) {
		config := c.Subgraphs[name]
		sdl, files, err := config.Schema.load(ctx, dir, client)
		if err != nil {
			return nil, fmt.Errorf("loading the schema of subgraph %s: %w", name, err)
		}
		url := config.RoutingURL
		if url == "" {
			url = config.Schema.SubgraphURL
		}
		subgraphs = append(subgraphs, Subgraph{Name: name, URL: url, SDL: sdl, Files: files})
	}
	return subgraphs, nil
}

func (s SchemaConfig) load(ctx context.Context, dir string, client *http.Client) (string, []File, error) {
	if s.SubgraphURL != "" {
		sdl, err := fetchSDL(ctx, client, s.SubgraphURL)
		return sdl, nil, err
	}
	files := s.Files
	if s.File != "" {
		files = []string{s.File}
	}
	var sdl strings.Builder
	var parts []File
	for _, file := range files {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return "", nil, err
		}
		sdl.Write(text)
		sdl.WriteByte('\n')
		parts = append(parts, File{Path: file, Lines: bytes.Count(text, []byte{'\n'}) + 1})
	}
	return sdl.String(), parts, nil
}

// maxSDLAnswer bounds the response of a subgraph with its SDL, in bytes.
const maxSDLAnswer = 32 << 20

// fetchSDL fetches the SDL of a running subgraph with the field _service of the
// Federation subgraph specification.
func fetchSDL(ctx context.Context, client *http.Client, url string) (string, error) {
	body := strings.NewReader(`{"query":"{ _service { sdl } }"}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Service struct {
				SDL string `json:"sdl"`
			} `json:"_service"`
		} `json:"data"`
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxSDLAnswer)).Decode(&answer); err != nil {
		return "", fmt.Errorf("%s responded with %s and without a GraphQL response in JSON: %w", url, response.Status, err)
	}
	if len(answer.Errors) > 0 {
		return "", fmt.Errorf("%s responded with an error: %s", url, answer.Errors[0].Message)
	}
	if answer.Data.Service.SDL == "" {
		return "", fmt.Errorf("%s has no _service { sdl }; is it a Federation subgraph?", url)
	}
	return answer.Data.Service.SDL, nil
}
