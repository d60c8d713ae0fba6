package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"souk/internal/loopback"
	"souk/router/compose"
)

// A peer is another gateway: a program that serves on $ADDRESS for the other variables of
// README.md.
type peer struct{ name, program string }

// A grid is what one run of the benchmark measures: all combinations of workloads,
// deduplication and numbers of processors.
type grid struct {
	souk      string   // the program
	self      []string // the command that runs the other parts of this package
	peers     []peer
	workloads []workload
	dedupe    []string // off, default
	procs     []int    // GOMAXPROCS
	rounds    int
	slice     time.Duration // of one program in one round
	requests  int           // at most, in a slice
	directory string        // for files; it is removed by the caller
	log       io.Writer     // the output of the programs
	out       io.Writer
}

// A setting is what a session has in common for all programs.
type setting struct {
	dedupe string
	procs  int
}

// run measures and prints everything.
func (g *grid) run(ctx context.Context) error {
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return fmt.Errorf("starting the subgraphs: %w", err)
	}
	if err := g.writeGraph(ctx, address); err != nil {
		return err
	}
	subgraphs, err := start(ctx, g.log, "the subgraphs", address, nil, append(g.self, "subgraphs", address))
	if err != nil {
		return err
	}
	defer subgraphs.stop()
	if _, err := subgraphs.ask(ctx, "GET", "/requests", nil); err != nil {
		return err
	}
	for _, w := range g.workloads {
		fmt.Fprintf(g.out, "\n%s: %s\n%s\n", w.name, w.description, header)
		for _, dedupe := range g.dedupe {
			for _, procs := range g.procs {
				s := &session{grid: g, workload: w, setting: setting{dedupe, procs}, subgraphs: subgraphs}
				results, err := s.run(ctx)
				if err != nil {
					return fmt.Errorf("measuring %s: %w", w.name, err)
				}
				for _, line := range summarise(results, s.setting, w.goal) {
					fmt.Fprintln(g.out, line)
				}
			}
		}
	}
	return nil
}

// subgraphNames are the subgraphs in graph/.
var subgraphNames = []string{"accounts", "inventory", "products", "reviews"}

// writeGraph writes the schemas of the subgraphs, a configuration file for composition, and the
// supergraph.
func (g *grid) writeGraph(ctx context.Context, address string) error {
	var list []compose.Subgraph
	config := "federation_version: =2.3.2\nsubgraphs:\n"
	for _, name := range subgraphNames {
		sdl, err := schemas.ReadFile("graph/" + name + ".graphql")
		if err != nil {
			return fmt.Errorf("reading the schema of a subgraph: %w", err)
		}
		url := "http://" + address + "/" + name
		list = append(list, compose.Subgraph{Name: name, URL: url, SDL: string(sdl)})
		config += fmt.Sprintf("  %s:\n    routing_url: %s\n    schema:\n      file: %s.graphql\n", name, url, name)
		if err := g.write(name+".graphql", string(sdl)); err != nil {
			return err
		}
	}
	composed, err := compose.Compose(ctx, list)
	if err != nil {
		return fmt.Errorf("composing the supergraph: %w", err)
	}
	if err := g.write("supergraph.graphql", composed.SDL); err != nil {
		return err
	}
	return g.write("supergraph.yaml", config)
}

func (g *grid) write(name, text string) error {
	if err := os.WriteFile(filepath.Join(g.directory, name), []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing a file of the benchmark: %w", err)
	}
	return nil
}

// startRouter starts Souk's router.
func (g *grid) startRouter(ctx context.Context, s setting) (*process, error) {
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return nil, fmt.Errorf("starting the router: %w", err)
	}
	command := []string{g.souk, "router", "--supergraph", filepath.Join(g.directory, "supergraph.graphql"), "--listen", address}
	if s.dedupe == dedupeOff {
		command = append(command, "--no-dedupe")
	}
	// Any free port for administration: nobody uses it.
	return start(ctx, g.log, "souk", address, append(s.variables(), "ROUTER_ADMIN_LISTEN=127.0.0.1:0"), command)
}

// startFloor starts the floor, for a recording.
func (g *grid) startFloor(ctx context.Context, s setting, r recording, subgraphs string) (*process, error) {
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return nil, fmt.Errorf("starting the floor: %w", err)
	}
	path := filepath.Join(g.directory, "recording.json")
	if err := r.write(path); err != nil {
		return nil, err
	}
	return start(ctx, g.log, "floor", address, s.variables(), append(g.self, "floor", address, "http://"+subgraphs, path))
}

// startPeer starts another gateway.
func (g *grid) startPeer(ctx context.Context, s setting, p peer) (*process, error) {
	address, err := loopback.Address(ctx, loopback.Host)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	_, port, _ := strings.Cut(address, ":")
	variables := append(s.variables(),
		"ADDRESS="+address, "PORT="+port, "DEDUPE="+s.dedupe, "PROCS="+strconv.Itoa(s.procs),
		"GRAPH="+g.directory, "SUPERGRAPH="+filepath.Join(g.directory, "supergraph.graphql"))
	return start(ctx, g.log, p.name, address, variables, []string{p.program})
}

// variables are the environment variables of all programs.
func (s setting) variables() []string {
	if s.procs == 0 {
		return nil
	}
	return []string{"GOMAXPROCS=" + strconv.Itoa(s.procs)}
}
