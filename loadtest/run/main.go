package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/redis/go-redis/v9/logging"
)

func main() {
	chaos := flag.Bool("chaos", false, "kill and restart every part meanwhile, and audit the store afterwards")
	find := flag.Bool("k6", false, "only find or build k6, and print its path")
	flag.Parse()
	logging.Disable() // go-redis writes a line for every dial that an outage fails
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *chaos, *find)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, chaos, find bool) (err error) {
	k6, err := findK6(ctx, os.Stderr)
	if err != nil {
		return err
	}
	if find {
		fmt.Println(k6)
		return nil
	}
	t, err := begin(ctx, trial{k6: k6, top: ".", results: "loadtest/results", out: os.Stdout})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.end()) }()
	if chaos {
		return t.underChaos(ctx, everyPart, cmp.Or(os.Getenv("DURATION"), "70s"))
	}
	return t.underLoad(ctx, cmp.Or(os.Getenv("DURATION"), "30s"))
}
