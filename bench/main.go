package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed graph/*.graphql
var schemas embed.FS

// The values of -dedupe.
const (
	dedupeOff     = "off"
	dedupeDefault = "default"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := dispatch(ctx, os.Args[1:])
	stop()
	var help usage
	if errors.As(err, &help) {
		fmt.Print(string(help))
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// forms are what the program can be asked for. It starts the last two itself.
const forms = `  bench -souk PROGRAM [flags]         what a request costs, beside a floor
  bench reload -souk PROGRAM [flags]  what reloads of a supergraph cost the requests meanwhile
  bench subgraphs ADDRESS             the subgraphs
  bench floor ADDRESS SUBGRAPHS FILE  the floor
`

// usage is the error of -h: the text to print.
type usage string

func (u usage) Error() string { return "the usage was asked for" }

// parseFlags parses the arguments of a command that takes only flags.
func parseFlags(flags *flag.FlagSet, arguments []string) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(arguments)
	switch {
	case errors.Is(err, flag.ErrHelp):
		var text strings.Builder
		flags.SetOutput(&text)
		flags.PrintDefaults()
		return usage("Usage:\n" + forms + "\nThe flags of " + flags.Name() + ":\n" + text.String())
	case err != nil:
		return fmt.Errorf("%w; %s -h lists the flags", err, flags.Name())
	case flags.NArg() > 0:
		return fmt.Errorf("%s does not know the argument %q; there are:\n%s", flags.Name(), flags.Arg(0), forms)
	}
	return nil
}

// dispatch runs the benchmark, or one of the programs that it starts.
func dispatch(ctx context.Context, arguments []string) error {
	switch {
	case len(arguments) == 2 && arguments[0] == "subgraphs":
		return serveSubgraphs(ctx, arguments[1])
	case len(arguments) == 4 && arguments[0] == "floor":
		return serveFloor(ctx, arguments[1], arguments[2], arguments[3])
	}
	if len(arguments) > 0 && arguments[0] == "reload" {
		return measureReloads(ctx, arguments[1:])
	}
	g, err := parse(arguments)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	g.self, g.out = []string{self}, os.Stdout
	if g.directory, err = os.MkdirTemp("", "souk-bench-"); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer os.RemoveAll(g.directory)
	return g.run(ctx)
}

func measureReloads(ctx context.Context, arguments []string) error {
	r, err := parseReloading(arguments)
	if err != nil {
		return err
	}
	r.out = os.Stdout
	if r.directory, err = os.MkdirTemp("", "souk-bench-"); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	defer os.RemoveAll(r.directory)
	return r.run(ctx)
}

// parse reads the flags.
func parse(arguments []string) (*grid, error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	g := &grid{log: io.Discard}
	flags.StringVar(&g.souk, "souk", "", "the souk program")
	flags.IntVar(&g.rounds, "rounds", 3, "how often each program has its turn")
	flags.DurationVar(&g.slice, "slice", 1500*time.Millisecond, "how long a turn lasts")
	flags.IntVar(&g.requests, "requests", 50_000, "at most so many requests in a turn")
	only := flags.String("workloads", "", "the workloads, separated by commas; empty for all")
	dedupe := flags.String("dedupe", dedupeOff+","+dedupeDefault, "deduplication of all gateways: off, default or both")
	procs := flags.String("procs", "1,2", "the numbers of processors (GOMAXPROCS), separated by commas; 0 for all")
	peers := flags.String("peers", "", "other gateways as NAME=PROGRAM, separated by spaces")
	verbose := flags.Bool("verbose", false, "print the output of the programs")
	if err := parseFlags(flags, arguments); err != nil {
		return nil, err
	}
	if g.souk == "" {
		return nil, fmt.Errorf("name the souk program with -souk, or run make bench")
	}
	if g.rounds < 1 || g.slice <= 0 || g.requests < 1 {
		return nil, fmt.Errorf("-rounds, -slice and -requests must be positive")
	}
	if *verbose {
		g.log = os.Stderr
	}
	var err error
	if g.workloads, err = choose(*only); err != nil {
		return nil, err
	}
	for _, d := range strings.Split(*dedupe, ",") {
		if d != dedupeOff && d != dedupeDefault {
			return nil, fmt.Errorf("-dedupe has %q; it must be %s, %s or both, separated by a comma", d, dedupeOff, dedupeDefault)
		}
		g.dedupe = append(g.dedupe, d)
	}
	for _, p := range strings.Split(*procs, ",") {
		n, err := strconv.Atoi(p)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("-procs has %q; it must have numbers, separated by commas", p)
		}
		g.procs = append(g.procs, n)
	}
	for _, p := range strings.Fields(*peers) {
		name, program, ok := strings.Cut(p, "=")
		if !ok || name == "" || program == "" {
			return nil, fmt.Errorf("-peers has %q; it must have NAME=PROGRAM, separated by spaces", p)
		}
		g.peers = append(g.peers, peer{name, program})
	}
	return g, nil
}

// choose returns the workloads with some names, or all.
func choose(names string) ([]workload, error) {
	if names == "" {
		return workloads, nil
	}
	var list []workload
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(workloads, func(w workload) bool { return w.name == name })
		if i < 0 {
			var known []string
			for _, w := range workloads {
				known = append(known, w.name)
			}
			return nil, fmt.Errorf("there is no workload %q; there are %s", name, strings.Join(known, ", "))
		}
		list = append(list, workloads[i])
	}
	return list, nil
}
