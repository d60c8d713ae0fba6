package compose

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"souk/internal/blocking"
	"souk/internal/boundedfile"
	"souk/internal/processgroup"
	"souk/router/compose/internal/fetch"
	"souk/router/internal/yamlfile"
)

const (
	// maxSDLBytes bounds the SDL of a subgraph, in bytes.
	maxSDLBytes = 32 << 20
	// commandTimeout bounds the run of a command that prints an SDL.
	commandTimeout = time.Minute
	// parallelLoads bounds the SDLs that are loaded at the same time.
	parallelLoads = 8
)

// Load returns the subgraphs with their SDLs, sorted by name. client fetches the SDL of
// running subgraphs. The error lists the problems of all subgraphs.
func (c *Config) Load(ctx context.Context, client *http.Client) ([]Subgraph, error) {
	names := c.Names()
	subgraphs := make([]Subgraph, len(names))
	var mu sync.Mutex
	var problems yamlfile.Errors
	var group errgroup.Group
	group.SetLimit(parallelLoads)
	for i, name := range names {
		group.Go(func() error {
			loaded, err := c.LoadSubgraph(ctx, name, client)
			subgraphs[i] = loaded
			if found := (yamlfile.Errors)(nil); errors.As(err, &found) {
				mu.Lock()
				defer mu.Unlock()
				problems = append(problems, found...)
			}
			return nil
		})
	}
	_ = group.Wait() // the functions collect their errors
	if ctx.Err() != nil {
		return nil, fmt.Errorf("loading the schemas: %w", context.Cause(ctx))
	}
	if len(problems) > 0 {
		return nil, problems.Sorted()
	}
	return subgraphs, nil
}

// LoadSubgraph returns a subgraph with its SDL. An error lists the problems, with the
// positions of their sources in the configuration file.
func (c *Config) LoadSubgraph(ctx context.Context, name string, client *http.Client) (Subgraph, error) {
	s := c.Subgraphs[name]
	url := s.url()
	loaded := Subgraph{Name: name, URL: url}
	var err error
	source := &s.Schema
	switch {
	case source.SDL != "":
		loaded.SDL = source.SDL
	case source.SubgraphURL != "":
		loaded.SDL, err = fetch.SDL(ctx, client, source.SubgraphURL, source.IntrospectionHeaders)
	case len(source.Command) > 0:
		loaded.SDL, err = c.run(ctx, source.Command)
	default:
		loaded, err = blocking.Call(ctx, func() (Subgraph, error) {
			read, problems := c.readFiles(name)
			read.URL = url // loaded is assigned while this still runs, if ctx ends
			if len(problems) > 0 {
				return read, problems
			}
			return read, nil
		})
	}
	switch problems := (yamlfile.Errors)(nil); {
	case errors.As(err, &problems):
		return Subgraph{}, problems
	case err != nil:
		return Subgraph{}, yamlfile.Errors{c.notLoaded(name, source.given()[0], err)}
	}
	if problem := c.checkVersion(name, loaded.SDL); problem != nil {
		return Subgraph{}, yamlfile.Errors{problem}
	}
	if !c.reachable(name, loaded.SDL) {
		return Subgraph{}, yamlfile.Errors{c.source.Problem("subgraphs."+name, noURL, "subgraphs."+name)}
	}
	return loaded, nil
}

// notLoaded returns the problem of a subgraph whose source, a key of its schema, cannot be
// loaded.
func (c *Config) notLoaded(name, key string, err error) *yamlfile.Error {
	return c.source.Problem("subgraphs."+name+".schema."+key, "loading the schema of subgraph %s: %v", name, err)
}

// checkFiles returns the problems of all files that cannot be read.
func (c *Config) checkFiles() (problems yamlfile.Errors) {
	for _, name := range c.Names() {
		_, found := c.readFiles(name)
		problems = append(problems, found...)
	}
	return problems
}

// Files returns the paths of the files that the SDL of a subgraph consists of.
func (c *Config) Files(name string) []string {
	source := c.Subgraphs[name].Schema
	files := slices.Clone(source.Files)
	if source.File != "" {
		files = []string{source.File}
	}
	for i, file := range files {
		files[i] = c.path(file)
	}
	return files
}

// A Run is a command that starts a subgraph, and the directory to run it in.
type Run struct {
	Command []string
	Dir     string
}

// Runs returns the commands that start subgraphs, by name.
func (c *Config) Runs() map[string]Run {
	runs := map[string]Run{}
	for name, s := range c.Subgraphs {
		if len(s.Run) > 0 {
			runs[name] = Run{s.Run, c.dir}
		}
	}
	return runs
}

// readFiles returns a subgraph with the SDL of its files, or the problems of all files that
// cannot be read. A path that could not be read itself is a problem already.
func (c *Config) readFiles(name string) (Subgraph, yamlfile.Errors) {
	read := Subgraph{Name: name}
	var sdl []byte
	var problems yamlfile.Errors
	files := c.Files(name)
	for i, file := range files {
		key := "file"
		if c.Subgraphs[name].Schema.File == "" {
			key = fmt.Sprintf("files[%d]", i)
		}
		if c.source.Unread("subgraphs." + name + ".schema." + key) {
			continue
		}
		text, err := readSDL(file, maxSDLBytes-int64(len(sdl)))
		if err != nil {
			problems = append(problems, c.notLoaded(name, key, err))
			continue
		}
		if i < len(files)-1 && !bytes.HasSuffix(text, []byte{'\n'}) {
			text = append(text, '\n')
		}
		sdl = append(sdl, text...)
		read.Files = append(read.Files, File{Path: file, Lines: bytes.Count(text, []byte{'\n'})})
	}
	read.SDL = string(sdl)
	return read, problems
}

// readSDL reads a file of at most limit bytes that has an SDL.
func readSDL(file string, limit int64) ([]byte, error) {
	text, err := boundedfile.Read(file, limit)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s does not exist; paths are relative to the directory of the configuration file", file)
	case err != nil:
		return nil, err
	case filepath.Ext(file) == ".json", bytes.HasPrefix(bytes.TrimSpace(text), []byte("{\"")):
		return nil, fmt.Errorf("%s is JSON; name a file with an SDL", file)
	}
	return text, nil
}

// run runs a command and returns what it prints. What it has started ends if it fails or is
// interrupted.
func (c *Config) run(ctx context.Context, command []string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	var out, failure bounded
	out.limit, failure.limit = maxSDLBytes, 4<<10
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, &out, &failure
	cmd.WaitDelay = time.Second // for those that go on after SIGTERM, or leave processes behind
	processgroup.Own(cmd)
	err := cmd.Run()
	if err != nil {
		processgroup.Kill(cmd)
	}
	said := strings.Join(strings.Fields(failure.String()), " ")
	if said != "" {
		said = ": " + said
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("`%s` did not end within %v%s", strings.Join(command, " "), commandTimeout, said)
	case err != nil:
		return "", fmt.Errorf("`%s` failed: %w%s", strings.Join(command, " "), err, said)
	case out.cut:
		return "", fmt.Errorf("`%s` printed more than %d MB", strings.Join(command, " "), maxSDLBytes>>20)
	case strings.TrimSpace(out.String()) == "":
		return "", fmt.Errorf("`%s` printed nothing; it must print the SDL to its standard output%s", strings.Join(command, " "), said)
	}
	return out.String(), nil
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	bytes.Buffer
	limit int
	cut   bool
}

func (b *bounded) Write(p []byte) (int, error) {
	kept := p[:min(len(p), b.limit-b.Len())]
	b.cut = b.cut || len(kept) < len(p)
	_, _ = b.Buffer.Write(kept) // it cannot fail
	return len(p), nil
}
