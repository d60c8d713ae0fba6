package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// shimmed are the programs that the test's own binary stands for, by its name.
var shimmed = []string{"docker", "podman", "kind", "k3d", "minikube", "kubectl", "istioctl", "make"}

func TestMain(m *testing.M) {
	if program := filepath.Base(os.Args[0]); slices.Contains(shimmed, program) {
		os.Exit(shim(program, os.Args[1:]))
	}
	if err := os.Chdir("../.."); err != nil { // where make runs it
		panic(err)
	}
	os.Exit(m.Run())
}

// shim records its command in the file of SHIM_LOG, and responds as the program would with a
// cluster. A command that starts with the value of SHIM_FAILS fails.
func shim(program string, arguments []string) int {
	line := strings.Join(append([]string{program}, arguments...), " ")
	if line != "docker info" && line != "podman info" {
		record(line)
	}
	if fails := os.Getenv("SHIM_FAILS"); fails != "" && strings.HasPrefix(line, fails) {
		fmt.Fprintln(os.Stderr, "error: timed out waiting for the condition")
		return 1
	}
	switch {
	case strings.HasPrefix(line, "kind get clusters"):
		fmt.Println(os.Getenv("SHIM_CLUSTERS"))
	case strings.HasPrefix(line, "k3d kubeconfig get"):
		fmt.Println("apiVersion: v1")
	case strings.Contains(line, "get statefulsets,deployments"):
		fmt.Println("deployment.apps/api-gateway\nstatefulset.apps/redis")
	case strings.Contains(line, "get job load-test"):
		fmt.Print("1")
	case strings.HasPrefix(line, "kubectl create -f -"):
		secrets, err := io.ReadAll(os.Stdin)
		if err != nil || os.WriteFile(filepath.Join(filepath.Dir(os.Getenv("SHIM_LOG")), "secrets"), secrets, 0o600) != nil {
			return 1
		}
	case strings.Contains(line, " port-forward "):
		return serve(arguments[len(arguments)-1])
	}
	return 0
}

func record(line string) {
	file, err := os.OpenFile(os.Getenv("SHIM_LOG"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	fmt.Fprintln(file, line)
}

// serve responds at a port of its own as the store and its monitoring do, until an interrupt.
// Without replicas of inventory, as the log has it, products lack their stock and orders are
// refused. The value of SHIM_STORE_FAILS, such as "POST /api/orders", is a request that fails.
func serve(target string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	server := httptest.NewServer(http.HandlerFunc(respond))
	defer server.Close()
	fmt.Printf("Forwarding from %s -> %s\n", server.Listener.Addr(), strings.TrimPrefix(target, ":"))
	<-ctx.Done()
	return 0
}

func respond(w http.ResponseWriter, r *http.Request) {
	log, _ := os.ReadFile(os.Getenv("SHIM_LOG"))
	away := strings.LastIndex(string(log), "--replicas=0") > strings.LastIndex(string(log), "--replicas=2")
	request := r.Method + " " + r.URL.Path
	switch {
	case request == os.Getenv("SHIM_STORE_FAILS"):
		w.WriteHeader(http.StatusInternalServerError)
	case request == "POST /api/orders" && away:
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.Method == http.MethodPost:
		w.WriteHeader(http.StatusCreated)
		fmt.Fprint(w, `{"id":7,"status":"CONFIRMED"}`)
	case request == "GET /api/products" && away:
		w.Header().Set("Souk-Partial", `"/*/stock"`)
	case request == "GET /api/services":
		fmt.Fprint(w, `{"data":["api-gateway"]}`)
	case request == "GET /api/v1/query":
		fmt.Fprint(w, `{"data":{"result":[{"metric":{},"value":[1,"2"]}]}}`)
	}
}
