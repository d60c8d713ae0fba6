package verify

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The API server takes what make cluster applies: the secrets and the tutorial's variant. Its
// wait for the pods ends it, since there is no controller. Programs other than kubectl do
// nothing. A second start keeps the secrets.
func TestAPIServerAcceptsMakeCluster(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a build of kube-apiserver")
	}
	t.Parallel() // mostly it waits for processes
	server := startAPIServer(t)
	if err := server.try(t.Context(), istioSystem(), nil); err != nil {
		t.Fatal(err)
	}
	s := newShell(t, server.kubeconfig)
	for name, script := range map[string]string{
		"kind": "", "docker": "", "istioctl": "", "make": "",
		"kubectl": `case $* in (*"rollout status"*) echo "no controller" >&2; exit 1;; esac; KUBECONFIG=` + s.kubeconfig + ` exec ` + kubernetes(t, "kubectl") + ` "$@"`,
	} {
		path := filepath.Join(s.programs, name)
		if err := errors.Join(os.RemoveAll(path), os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700)); err != nil { //nolint:gosec // it is a program
			t.Fatal(err)
		}
	}
	program := filepath.Join(t.TempDir(), "cluster")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./manifests/cluster")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var secrets [2]string
	for i := range secrets {
		out, err := s.run(t, program)
		if err == nil || !strings.Contains(out, "failed: Wait for every pod: ") || !strings.Contains(out, "no controller") {
			t.Fatalf("make cluster does not come to the pods:\n%s", out)
		}
		secrets[i] = s.must(t, secretData)
	}
	if strings.Count(secrets[0], "-database ") != 6 || secrets[1] != secrets[0] {
		t.Errorf("the secrets are\n%s\nand after a second start\n%s", secrets[0], secrets[1])
	}
}
