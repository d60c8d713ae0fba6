package loop

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"souk/internal/blocking"
	"souk/router/compose"
)

const (
	// parallelLoads bounds the SDLs that are loaded at the same time.
	parallelLoads = 8
	// commandEvery is the least time between two runs of a command that prints an SDL.
	commandEvery = 10 * time.Second
	// startPolls is how often a subgraph that souk starts may be asked in vain before that
	// is reported.
	startPolls = 20
)

// sources have the SDLs of the subgraphs.
type sources struct {
	config *compose.Config
	// text is what the configuration file contained, and invalid the error that it had
	// when it was last read.
	text, invalid string
	// loaded are the last good SDLs by name.
	loaded map[string]compose.Subgraph
	// asked counts how often a subgraph that souk starts was asked in vain.
	asked map[string]int
	// waited is the time since commands ran, in steps of the poll interval.
	waited time.Duration
	// refused is set if the subgraphs do not compose, or the router refuses the result.
	refused bool
}

// readConfig reads the configuration file if it has changed.
func (s *sources) readConfig(ctx context.Context, o Options) error {
	text, err := blocking.Call(ctx, func() ([]byte, error) { return os.ReadFile(o.Config) })
	if err != nil {
		s.invalid = err.Error()
		how := ""
		if s.config == nil && errors.Is(err, fs.ErrNotExist) {
			how = "; name the file that lists the subgraphs, or write one with `souk init`"
		}
		return fmt.Errorf("reading the configuration of the composition: %w%s", err, how)
	}
	if string(text) == s.text && s.invalid == "" && s.config != nil {
		return nil
	}
	config, err := blocking.Call(ctx, func() (*compose.Config, error) { return compose.ReadConfig(o.Config, o.Lookup, o.Mocked...) })
	if err != nil {
		s.invalid = err.Error()
		return err
	}
	kept := map[string]compose.Subgraph{}
	for name, last := range s.loaded {
		if now, ok := config.Subgraphs[name]; ok && reflect.DeepEqual(now, s.config.Subgraphs[name]) {
			kept[name] = last
		}
	}
	s.config, s.text, s.invalid, s.loaded = config, string(text), "", kept
	return nil
}

// files returns the files whose changes matter.
func (l *loop) files() []string {
	files := []string{l.Config}
	for _, name := range l.config.Names() {
		files = append(files, l.config.Files(name)...)
	}
	return files
}

// load loads the SDLs: those in files always, those of running subgraphs if fetch is set.
// Where that fails, the last good SDL remains. complete reports whether there is one of
// each subgraph.
func (s *sources) load(ctx context.Context, o Options, fetch bool) (subgraphs []compose.Subgraph, problems errorList, complete bool) {
	names := s.config.Names()
	errs := make([]error, len(names))
	loaded := make([]compose.Subgraph, len(names))
	if fetch {
		s.waited += o.Poll
	}
	var group errgroup.Group
	group.SetLimit(parallelLoads)
	for i, name := range names {
		last, known := s.loaded[name]
		loaded[i] = last
		if known && !s.due(name, fetch) {
			continue
		}
		group.Go(func() error {
			loaded[i], errs[i] = s.config.LoadSubgraph(ctx, name, o.Client)
			return nil
		})
	}
	_ = group.Wait() // errs has the errors
	if s.waited >= commandEvery {
		s.waited = 0
	}
	complete = true
	for i, name := range names {
		if errs[i] != nil {
			loaded[i] = s.loaded[name]
			mocked := slices.Contains(o.Mocked, name)
			if mocked && s.config.Subgraphs[name].Schema.SubgraphURL != "" {
				errs[i] = fmt.Errorf("%w; Souk does not start it, since it is mocked: put its schema in a file instead, and name that in schema.file", errs[i])
			}
			if mocked || !s.starting(name) {
				problems = append(problems, errs[i])
			}
		}
		if loaded[i].Name == "" {
			complete = false
			continue
		}
		s.loaded[name] = loaded[i]
		subgraphs = append(subgraphs, loaded[i])
	}
	return subgraphs, problems, complete
}

// starting reports whether a subgraph that souk starts may not be ready yet.
func (s *sources) starting(name string) bool {
	if _, known := s.loaded[name]; known || len(s.config.Subgraphs[name].Run) == 0 {
		return false
	}
	if s.asked == nil {
		s.asked = map[string]int{}
	}
	s.asked[name]++
	return s.asked[name] < startPolls
}

// due reports whether an SDL may have changed.
func (s *sources) due(name string, fetch bool) bool {
	source := s.config.Subgraphs[name].Schema
	switch {
	case source.SubgraphURL != "":
		return fetch
	case len(source.Command) > 0:
		return fetch && s.waited >= commandEvery
	}
	return true
}

// errorList is several errors, one per line.
type errorList []error

func (e errorList) Error() string { return errors.Join(e...).Error() }

// fingerprint identifies the subgraphs.
func fingerprint(subgraphs []compose.Subgraph) string {
	hash := sha256.New()
	for _, s := range subgraphs {
		for _, part := range []string{s.Name, s.URL, s.SDL} {
			fmt.Fprintf(hash, "%d:%s", len(part), part)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// nameList writes names as a list.
func nameList(subgraphs []compose.Subgraph) string {
	names := make([]string, len(subgraphs))
	for i, s := range subgraphs {
		names[i] = s.Name
	}
	return strings.Join(names, ", ")
}
