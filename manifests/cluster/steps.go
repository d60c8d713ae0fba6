package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The name of the cluster, and the image that the manifests name.
const (
	name  = "souk"
	image = "docker.io/library/souk:1.0.0"
)

func (c *cluster) kubeconfig() string { return filepath.Join(c.dir, "kubeconfig") }
func (c *cluster) archive() string    { return filepath.Join(c.dir, "image.tar") }

// buildImage builds the image, and saves it as a file that each program can load.
func (c *cluster) buildImage(ctx context.Context) error {
	if err := os.RemoveAll(c.archive()); err != nil {
		return err
	}
	return c.do(ctx,
		command{limit: 30 * time.Minute, words: []string{"make", "image", "ENGINE=" + c.tools.engine, "IMAGE=" + image}},
		command{limit: 5 * time.Minute, words: []string{c.tools.engine, "save", "-o", c.archive(), image}},
	)
}

// start creates the cluster, or uses the one that is there.
func (c *cluster) start(ctx context.Context) error {
	const creation = 10 * time.Minute
	switch c.tools.creator {
	case "kind":
		return c.createUnless(ctx, []string{"kind", "get", "clusters"}, name,
			command{limit: time.Minute, words: []string{"kind", "export", "kubeconfig", "--name", name}},
			command{limit: creation, words: []string{"kind", "create", "cluster", "--name", name, "--wait", "5m"}})
	case "k3d":
		if err := c.createUnless(ctx, []string{"k3d", "cluster", "list", "--no-headers"}, name,
			command{limit: creation, words: []string{"k3d", "cluster", "start", name}},
			command{limit: creation, words: []string{"k3d", "cluster", "create", name, "--wait", "--timeout", "5m", "--k3s-arg", "--disable=traefik@server:0", "--kubeconfig-update-default=false"}}); err != nil {
			return err
		}
		config, err := c.run(ctx, command{limit: time.Minute, words: []string{"k3d", "kubeconfig", "get", name}, quiet: true})
		if err != nil {
			return err
		}
		return os.WriteFile(c.kubeconfig(), []byte(config), 0o600)
	}
	// Of a cluster that is there, minikube start starts what has stopped.
	start := command{limit: creation, words: []string{"minikube", "start", "-p", name, "--driver", c.tools.engine, "--cni", "calico", "--addons", "metrics-server", "--wait", "all"}}
	return c.createUnless(ctx, []string{"minikube", "profile", "list"}, name, start, start)
}

// createUnless runs the command use if the output of list has the cluster, and create
// otherwise.
func (c *cluster) createUnless(ctx context.Context, list []string, cluster string, use, create command) error {
	// Without a cluster, the lists of some versions fail.
	out, err := c.run(ctx, command{limit: time.Minute, words: list, quiet: true})
	if err == nil && regexp.MustCompile(`(?m)(^|[\s│|])`+cluster+`([\s│|]|$)`).MatchString(out) {
		c.present = true
		return c.do(ctx, use)
	}
	return c.do(ctx, create)
}

func (c *cluster) loadImage(ctx context.Context) error {
	words := map[string][]string{
		"kind":     {"kind", "load", "image-archive", c.archive(), "--name", name},
		"k3d":      {"k3d", "image", "import", c.archive(), "--cluster", name},
		"minikube": {"minikube", "-p", name, "image", "load", c.archive()},
	}[c.tools.creator]
	return c.do(ctx, command{limit: 5 * time.Minute, words: words})
}

// installIstio installs Istio, or changes what differs. k3d and minikube have the files of
// CNI plugins in places of their own.
func (c *cluster) installIstio(ctx context.Context) error {
	words := []string{"istioctl", "install", "-y", "-f", "docs/istio.yaml", "--readiness-timeout", "10m"}
	if c.tools.creator != "kind" {
		words = append(words, "--set", "values.global.platform="+c.tools.creator)
	}
	return c.do(ctx, command{limit: 15 * time.Minute, words: words})
}

// createSecrets creates the namespace and, on a new cluster, the Secrets with random
// passwords.
func (c *cluster) createSecrets(ctx context.Context) error {
	if err := c.do(ctx, kubectl(time.Minute, "apply", "-f", "manifests/01-namespace-rbac.yaml")); err != nil {
		return err
	}
	there, err := c.run(ctx, kubectl(time.Minute, "-n", "ecommerce", "get", "secret", "service-token", "--ignore-not-found", "-o", "name"))
	if err != nil || there != "" {
		return err
	}
	text, err := os.ReadFile("manifests/01-secrets.yaml")
	if err != nil {
		return err
	}
	create := kubectl(time.Minute, "create", "-f", "-")
	create.input = withPasswords(string(text))
	return c.do(ctx, create)
}

// withPasswords replaces each value for evaluation by a random one, the same at all places.
func withPasswords(secrets string) string {
	chosen := map[string]string{}
	return regexp.MustCompile(`change-me[a-z-]*`).ReplaceAllStringFunc(secrets, func(value string) string {
		if chosen[value] == "" {
			chosen[value] = rand.Text()
		}
		return chosen[value]
	})
}

// apply applies the tutorial's variant of the manifests, and has the programs of a cluster
// that was there before use the new image.
func (c *cluster) apply(ctx context.Context) error {
	if err := c.do(ctx, kubectl(5*time.Minute, "apply", "-k", "docs/tutorial")); err != nil || !c.present {
		return err
	}
	return c.do(ctx, kubectl(time.Minute, "-n", "ecommerce", "rollout", "restart", "deployment"))
}

// awaitPods waits until all programs are ready, and shows what is not.
func (c *cluster) awaitPods(ctx context.Context) error {
	for _, namespace := range []string{"ecommerce", "istio-system"} {
		out, err := c.run(ctx, kubectl(time.Minute, "-n", namespace, "get", "statefulsets,deployments", "-o", "name"))
		if err != nil {
			return err
		}
		programs := strings.Fields(out)
		slices.SortStableFunc(programs, func(a, b string) int { // databases first
			return strings.Compare(strings.SplitN(b, "/", 2)[0], strings.SplitN(a, "/", 2)[0])
		})
		for _, program := range programs {
			if err := c.do(ctx, kubectl(11*time.Minute, "-n", namespace, "rollout", "status", program, "--timeout=10m")); err != nil {
				return fmt.Errorf("%w\n%s", err, c.explain(ctx, namespace))
			}
		}
	}
	return nil
}

// explain prints the pods of a namespace and its latest warnings.
func (c *cluster) explain(ctx context.Context, namespace string) string {
	_ = c.do(ctx, kubectl(time.Minute, "-n", namespace, "get", "pods", "-o", "wide")) // the first error counts
	_ = c.do(ctx, kubectl(time.Minute, "-n", namespace, "get", "events", "--field-selector", "type=Warning", "--sort-by", ".lastTimestamp"))
	return "Above are the pods and their warnings. A pod that stays Pending needs more CPU or memory: give the container engine 8 CPUs and 16 GB. For the log of one: kubectl --kubeconfig " + c.kubeconfig() + " -n " + namespace + " logs POD --all-containers"
}

// delete deletes the cluster with everything in it.
func (c *cluster) delete(ctx context.Context) error {
	words := map[string][]string{
		"kind":     {"kind", "delete", "cluster", "--name", name},
		"k3d":      {"k3d", "cluster", "delete", name},
		"minikube": {"minikube", "delete", "-p", name},
	}[c.tools.creator]
	if err := c.do(ctx, command{limit: 5 * time.Minute, words: words}); err != nil {
		return err
	}
	if err := os.Remove(c.kubeconfig()); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.RemoveAll(c.archive())
}
