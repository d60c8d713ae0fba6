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

	"souk/internal/onlyflags"
	"souk/loadtest/k6"
)

func main() {
	chaos := flag.Bool("chaos", false, "kill and restart every part under load, then audit the store")
	from := flag.String("from", "", "the Git revision to upgrade the services from, under load; then audit the store")
	find := flag.Bool("k6", false, "find or build k6, print its path and exit")
	if onlyflags.Parse(flag.CommandLine, os.Args[1:]) != nil {
		os.Exit(2)
	}
	logging.Disable() // go-redis logs every failed dial during an outage
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *chaos, *from, *find)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, chaos bool, from string, find bool) (err error) {
	path, err := k6.FindOrBuild(ctx, os.Stderr)
	if err != nil {
		return err
	}
	if find {
		fmt.Println(path)
		return nil
	}
	t, err := startRun(ctx, testRun{k6: path, top: ".", results: "loadtest/results", out: os.Stdout, from: from})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.stop()) }()
	if from != "" {
		return t.runUpgrade(ctx, cmp.Or(os.Getenv("DURATION"), "60s"))
	}
	if chaos {
		return t.runChaos(ctx, everyPart, slow, cmp.Or(os.Getenv("DURATION"), "110s"))
	}
	return t.runLoad(ctx, cmp.Or(os.Getenv("DURATION"), "30s"))
}
