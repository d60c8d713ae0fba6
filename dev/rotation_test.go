package dev_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"souk/dev"
)

// rotationKubectl stands for the cluster in the commands that change a password: psql runs here, and the test does the
// rest while kubectl waits.
const rotationKubectl = `#!/bin/sh -e
case $3 in
exec) shift 8; [ "$1" = sh ]; exec "$@" ;;
patch|rollout) exec curl --fail-with-body -sS --data-binary "$*" "$CLUSTER" ;;
*) echo "kubectl $*" >&2; exit 1 ;;
esac
`

// The commands of docs/operations.md that change the password of a database run against a real
// Postgres, and the replicas of the service are replaced when they say so. No request fails, and
// the old password is refused afterwards.
func TestPasswordChangeFailsNoRequest(t *testing.T) {
	for _, program := range []string{"psql", "curl", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	t.Parallel()
	store := open(t, dev.Options{})
	r := newRotation(t, store)
	user, product := store.newUser(t, "keyholder"), store.newProduct(t, "A lock", 1_000_000)
	if err := store.StopService("order"); err != nil {
		t.Fatal(err)
	}
	old := r.address("postgres://order:old@order-postgres:5432/order?sslmode=disable")
	r.replicas = serveReplicas(t, store.URL("order"))
	for range 2 {
		r.running = append(r.running, startReplica(t, store, "order", r.binary, "DATABASE_URL="+old))
		r.replicas.replace(nil, r.running[len(r.running)-1])
	}
	r.load = startLoad(t, store, user, product)
	r.load.await(t, 20)

	r.run(t)
	r.load.end(t)
	if r.rollouts != 2 || len(r.running) != 2 {
		t.Errorf("the commands restart the service %d times", r.rollouts)
	}
	if out, err := exec.CommandContext(t.Context(), "psql", old, "-c", "select 1").CombinedOutput(); err == nil || !strings.Contains(string(out), "password authentication failed") {
		t.Errorf("the old password: %v\n%s", err, out)
	}
	store.replayFindsNoDifference(t)
}

// A rotation runs the commands for the order service.
type rotation struct {
	store    *store
	base     *url.URL // of Postgres, with its superuser
	binary   string
	replicas *replicas
	running  []*replica
	load     *load
	current  string // DATABASE_URL of the Secret
	rollouts int
}

func newRotation(t *testing.T, s *store) *rotation {
	t.Helper()
	base, err := url.Parse(s.Variables("order")["DATABASE_URL"])
	if err != nil {
		t.Fatal(err)
	}
	// In the cluster, the service's role is the first superuser of its own server.
	out, err := exec.CommandContext(t.Context(), "psql", base.String(), "-c", `create role "order" superuser login password 'old'`).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return &rotation{store: s, base: base, binary: buildSouk(t)}
}

// address puts the test's Postgres in place of the cluster's.
func (r *rotation) address(of string) string {
	return strings.Replace(of, "@order-postgres:5432/order", "@"+r.base.Host+r.base.Path, 1)
}

// run runs the commands of the guide.
func (r *rotation) run(t *testing.T) {
	t.Helper()
	var script string
	for _, block := range codeBlocks(t, "../docs/operations.md", "## Secrets and keys", "(?s)^```sh\n(.*?)\n```$") {
		if strings.Contains(block, "alter role") {
			script = block
		}
	}
	cluster := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		command, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		if err := r.kubectl(t, string(command)); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	t.Cleanup(cluster.Close)
	programs := t.TempDir()
	if err := os.WriteFile(filepath.Join(programs, "kubectl"), []byte(rotationKubectl), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	password, _ := r.base.User.Password()
	shell := exec.CommandContext(t.Context(), "bash", "-e", "-u", "-o", "pipefail", "-c", script)
	shell.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "CLUSTER="+cluster.URL,
		"PGHOST="+r.base.Hostname(), "PGPORT="+r.base.Port(), "POSTGRES_USER="+r.base.User.Username(), "POSTGRES_DB="+strings.TrimPrefix(r.base.Path, "/"), "PGPASSWORD="+password)
	if out, err := shell.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

var patched = regexp.MustCompile(`patch secret order-database .* -p (\{.*\})$`)

// kubectl does what a command tells the cluster.
func (r *rotation) kubectl(t *testing.T, command string) error {
	if m := patched.FindStringSubmatch(command); m != nil {
		var patch struct {
			StringData struct {
				URL string `json:"DATABASE_URL"`
			}
		}
		if err := json.Unmarshal([]byte(m[1]), &patch); err != nil {
			return err
		}
		r.current = r.address(patch.StringData.URL)
	}
	if !strings.Contains(command, "rollout restart deployment/order-service") {
		return nil
	}
	r.rollouts++
	for i, leaving := range r.running {
		r.running[i] = startReplica(t, r.store, "order", r.binary, "DATABASE_URL="+r.current)
		r.replicas.roll(t, r.load, leaving, r.running[i])
	}
	return nil
}
