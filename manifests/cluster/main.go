// Command cluster starts the store in a Kubernetes cluster on this machine, and follows
// docs/tutorial.md there: `make cluster`. It needs Docker or Podman, kubectl, istioctl, and
// kind, k3d or minikube; if something is missing, it says what to install and ends with
// status 2. It uses the cluster "souk" of that program, which it creates if there is none,
// with a kubeconfig of its own in .souk/cluster: no other cluster can be reached with it.
// Every step has a limit of time. The status is 1 if a step fails or an experiment shows
// something else than the tutorial says. `make cluster-down` deletes the cluster.
//
//	main.go         options, and the order of the steps
//	tools.go        the programs that are needed, and what is missing
//	command.go      programs that run with a limit of time
//	steps.go        cluster, image, Istio, secrets, manifests
//	experiments.go  what the tutorial shows
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"souk/internal/onlyflags"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, func() <-chan time.Time { return time.After(time.Second) })
	stop()
	os.Exit(status)
}

// run returns the exit status. Experiments that wait for the cluster ask it again after each
// pause.
func run(ctx context.Context, arguments []string, out io.Writer, pause func() <-chan time.Time) int {
	flags := flag.NewFlagSet("cluster", flag.ContinueOnError)
	flags.SetOutput(out)
	dir := flags.String("dir", ".souk/cluster", "the directory of the kubeconfig and the image")
	down := flags.Bool("down", false, "delete the cluster")
	if onlyflags.Parse(flags, arguments) != nil {
		return 2
	}
	tools, missing := findTools(ctx, *down)
	if len(missing) > 0 {
		fmt.Fprintln(out, "make cluster needs programs that are not there:")
		for _, m := range missing {
			fmt.Fprintln(out, "  - "+m)
		}
		return 2
	}
	path, err := filepath.Abs(*dir)
	if err == nil {
		err = os.MkdirAll(path, 0o700)
	}
	if err != nil {
		fmt.Fprintln(out, err)
		return 2
	}
	c := &cluster{tools: tools, dir: path, out: &shared{Writer: out}, pause: pause}
	if *down {
		err = c.delete(ctx)
	} else {
		err = c.up(ctx)
	}
	if err != nil {
		fmt.Fprintln(out, "\nfailed:", err)
		return 1
	}
	return 0
}

// up starts the store and follows the tutorial.
func (c *cluster) up(ctx context.Context) error {
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"Build the image", c.buildImage},
		{"Start the cluster", c.start},
		{"Load the image", c.loadImage},
		{"Install Istio", c.installIstio},
		{"Create the secrets", c.createSecrets},
		{"Apply the manifests", c.apply},
		{"Wait for every pod", c.awaitPods},
	} {
		fmt.Fprintln(c.out, "\n== "+step.title)
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
	}
	fmt.Fprintln(c.out, "\n== The experiments of docs/tutorial.md")
	if err := c.experiment(ctx); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "\nThe store runs: export KUBECONFIG=%s\n", c.kubeconfig())
	fmt.Fprintln(c.out, "make cluster-down deletes the cluster.")
	return nil
}
