package main

import (
	"context"
	"os/exec"
	"slices"
	"time"
)

// tools are the programs in use.
type tools struct {
	engine  string // docker or podman
	creator string // kind, k3d or minikube
}

// findTools looks for the programs, and returns what to do about those that are missing. To
// delete the cluster, only the one that created it is needed.
func findTools(ctx context.Context, down bool) (found tools, missing []string) {
	has := func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	}
	creators := []string{"kind", "k3d", "minikube"}
	if at := slices.IndexFunc(creators, has); at >= 0 {
		found.creator = creators[at]
	} else {
		missing = append(missing, "kind, k3d or minikube, which runs a cluster in containers. Install kind: https://kind.sigs.k8s.io/docs/user/quick-start/#installation")
	}
	engine, problem := findEngine(ctx, has)
	found.engine = engine
	if problem != "" {
		missing = append(missing, problem)
	}
	if down {
		return found, missing
	}
	if !has("kubectl") {
		missing = append(missing, "kubectl. Install it: https://kubernetes.io/docs/tasks/tools/")
	}
	if !has("istioctl") {
		missing = append(missing, "istioctl, which installs Istio. Install it: https://istio.io/latest/docs/setup/additional-setup/download-istio-release/")
	}
	if !has("make") {
		missing = append(missing, "make, which builds the image. Install it with the packages of your system.")
	}
	return found, missing
}

// findEngine returns the first engine that works, or what to do.
func findEngine(ctx context.Context, has func(string) bool) (engine, problem string) {
	problem = "a container engine. Install Docker: https://docs.docker.com/engine/install/"
	for _, name := range []string{"docker", "podman"} {
		if !has(name) {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		err := exec.CommandContext(ctx, name, "info").Run()
		cancel()
		if err == nil {
			return name, ""
		}
		problem = "a container engine that works. " + name + " is installed, and `" + name + " info` fails (" + err.Error() + "): start its service, and see that you may use it."
	}
	return "", problem
}
