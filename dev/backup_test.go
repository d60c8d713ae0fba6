package dev_test

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/goccy/go-yaml"

	"souk/dev"
	"souk/internal/backup/backuptest"
	"souk/subgraphs"
)

// kubectl stands for the cluster: exec runs the command here, as the container would, and
// everything else does nothing.
const kubectl = `#!/bin/sh -e
shift 2 # -n ecommerce
[ "$1" = exec ] || exit 0
shift
[ "$1" = -i ] && shift
target=$1
shift 4 # the target, -c, its container, --
case $target in
service/redis-cli) shift 2; exec redis-cli -u "$REDIS_URL" "$@" ;; # sh cli.sh
service/*-postgres)
	service=${target#service/}
	prefix=$(echo "${service%-postgres}" | tr a-z A-Z)_POSTGRES
	export PGHOST=localhost POSTGRES_USER="$(printenv "${prefix}_USER")" PGPASSWORD="$(printenv "${prefix}_PASSWORD")" POSTGRES_DB="$(printenv "${prefix}_DB")"
	exec "$@" ;;
deployment/order-service) shift; exec "$SOUK" "$@" ;;
backups)
	for argument; do
		shift
		set -- "$@" "$(echo "$argument" | sed "s|/backup/|$BACKUPS/|g")"
	done
	exec "$@" ;;
*) echo "kubectl exec $target" >&2; exit 1 ;;
esac
`

// The script of manifests/13-backup.yaml backs up a real store, and the commands of
// docs/operations.md restore it.
func TestBackupIsRestored(t *testing.T) {
	operate(t)
	for _, program := range []string{"pg_dump", "pg_restore", "psql", "redis-cli", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s", program)
		}
	}
	t.Parallel()
	redis := miniredis.RunT(t)
	s := open(t, dev.Options{RedisURL: "redis://" + redis.Addr()})
	b := s.backups(t)
	user, product := s.newUser(t, "saved"), s.newProduct(t, "A saved product", 5)
	wish := `{"userId":` + user + `,"productId":` + product + `,"quantity":1}`
	kept, _ := s.expect(t, http.StatusCreated, http.MethodPost, "/api/orders", wish)
	first := b.make(t)
	if second := b.make(t, "KEEP=2"); first == second {
		t.Errorf("the second backup is in the same directory %s", second)
	}
	newest := b.make(t, "KEEP=2")
	b.upload(t, newest)
	if all := b.names(t); len(all) != 2 || all[1] != newest || all[0] == first {
		t.Errorf("got backups %v of three, want the two newest", all)
	}
	b.failsWithoutPassword(t, newest)

	lost, _ := s.expect(t, http.StatusCreated, http.MethodPost, "/api/orders", wish)
	s.stopAll(t)
	blocks := codeBlocks(t, "../docs/operations.md", "## Backup and restore", "(?s)^```sh\n(.*?)\n```$")
	if len(blocks) != 6 {
		t.Fatalf("the guide has %d blocks of commands", len(blocks))
	}
	if stopped, restored := strings.Index(blocks[4], "wait --for=delete"), strings.Index(blocks[4], "pg_restore"); stopped < 0 || stopped > restored {
		t.Error("the guide restores while writers may still run")
	}
	// Copied from the volume, and then from the bucket, whose copy is restored.
	out := b.must(t, strings.Join(blocks[1:2], "\n")+"\nrm *.dump SHA256SUMS\n"+strings.Join(blocks[3:], "\n"))
	for _, want := range []string{"order.dump: OK", "notification.dump: OK", "downloaded " + newest + "\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the commands do not print %q:\n%s", want, out)
		}
	}
	s.startAll(t)
	s.expect(t, http.StatusOK, http.MethodGet, "/api/orders/"+fmt.Sprint(kept["id"]), "")
	s.expect(t, http.StatusNotFound, http.MethodGet, "/api/orders/"+fmt.Sprint(lost["id"]), "")
	next, _ := s.expect(t, http.StatusCreated, http.MethodPost, "/api/orders", wish)
	if next["id"].(float64) < 1_000_000 {
		t.Errorf("after the restore, an order has the ID %v, which may have been handed out", next["id"])
	}
	s.replayFindsNoDifference(t)
}

// backups runs the script and the commands for a store.
type backups struct {
	script, volume, dir, programs string
	environment                   []string
}

func (s *store) backups(t *testing.T) *backups {
	t.Helper()
	b := &backups{script: filepath.Join(t.TempDir(), "backup.sh"), volume: t.TempDir(), dir: t.TempDir(), programs: t.TempDir()}
	if err := os.WriteFile(b.script, []byte(manifestData(t, "../manifests/13-backup.yaml", "backup.sh")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.programs, "kubectl"), []byte(kubectl), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	if err := os.Symlink(buildSouk(t), filepath.Join(b.programs, "souk")); err != nil {
		t.Fatal(err)
	}
	b.environment = append(os.Environ(), "PATH="+b.programs+":"+os.Getenv("PATH"), "SOUK="+buildSouk(t), "REDIS_URL="+s.RedisURL(),
		"DATABASE_URL="+s.Variables("order")["DATABASE_URL"], "BACKUPS="+b.volume, "KEEP=14", "SERVICES=order inventory payment product user notification")
	for key, value := range backuptest.NewBucket(t) {
		b.environment = append(b.environment, key+"="+value)
	}
	for _, name := range append(subgraphs.Names(), "payment") {
		address := s.PaymentVariables()["DATABASE_URL"]
		if name != "payment" {
			address = s.Variables(name)["DATABASE_URL"]
		}
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		prefix := strings.ToUpper(name) + "_POSTGRES_"
		b.environment = append(b.environment, "PGHOSTADDR="+u.Hostname(), "PGPORT="+u.Port(),
			prefix+"USER="+u.User.Username(), prefix+"PASSWORD="+password, prefix+"DB="+strings.TrimPrefix(u.Path, "/"))
	}
	return b
}

// manifestData returns a key of a ConfigMap in a file, such as the script that the CronJob runs.
func manifestData(t *testing.T, path, key string) string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for decoder := yaml.NewDecoder(file); ; {
		var object struct{ Data map[string]string }
		if err := decoder.Decode(&object); err != nil {
			t.Fatalf("%s has no %s: %v", path, key, err)
		}
		if value := object.Data[key]; value != "" {
			return value
		}
	}
}

func (b *backups) run(t *testing.T, variables []string, program string, arguments ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, arguments...)
	command.Dir, command.Env = b.dir, slices.Concat(b.environment, variables)
	out, err := command.CombinedOutput()
	return string(out), err
}

func (b *backups) must(t *testing.T, script string) string {
	t.Helper()
	out, err := b.run(t, nil, "bash", "-e", "-u", "-o", "pipefail", "-c", script)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// make runs the script, and returns the name of the backup.
func (b *backups) make(t *testing.T, variables ...string) string {
	t.Helper()
	out, err := b.run(t, variables, "sh", b.script)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	_, name, _ := strings.Cut(out, "\nbackup ")
	return strings.TrimSuffix(name, " is complete\n")
}

// upload runs the Job's second container, without a bucket and with one, and reads its record
// as the exporter does.
func (b *backups) upload(t *testing.T, newest string) {
	t.Helper()
	arguments := []string{"backup", "upload", b.volume, "--keep=30"}
	out, err := b.run(t, []string{"BACKUP_URL="}, buildSouk(t), arguments...)
	if err != nil || !strings.Contains(out, "nothing is uploaded") {
		t.Errorf("without a bucket: %v\n%s", err, out)
	}
	out, err = b.run(t, nil, buildSouk(t), arguments...)
	if err != nil || !strings.Contains(out, "uploaded "+newest+"\n") {
		t.Fatalf("with a bucket: %v\n%s", err, out)
	}
	var queries map[string]struct{ Query string }
	if err := yaml.Unmarshal([]byte(manifestData(t, "../manifests/06-order-service.yaml", "backups.yaml")), &queries); err != nil {
		t.Fatal(err)
	}
	made, err := time.Parse("2006-01-02T15-04-05.000Z", newest)
	if err != nil {
		t.Fatal(err)
	}
	recorded := b.must(t, fmt.Sprintf("psql --no-align --tuples-only -c %q \"$DATABASE_URL\"", queries["souk_backup"].Query))
	if seconds, err := strconv.ParseFloat(strings.TrimSpace(recorded), 64); err != nil || math.Abs(seconds-float64(made.UnixMilli())/1000) > 0.01 {
		t.Errorf("the exporter reads the time %q of the backup %s", recorded, newest)
	}
}

func (b *backups) names(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(b.volume)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// A backup that fails leaves nothing that looks like one, and removes none but those beyond
// KEEP, which may fill the volume.
func (b *backups) failsWithoutPassword(t *testing.T, newest string) {
	t.Helper()
	if out, err := b.run(t, []string{"USER_POSTGRES_PASSWORD=wrong"}, "sh", b.script); err == nil || !strings.Contains(out, "password authentication failed") {
		t.Errorf("with a wrong password: %v\n%s", err, out)
	}
	if all := b.names(t); len(all) != 3 || all[1] != newest || all[2] != "partial" {
		t.Errorf("after a failed backup there are %v", all)
	}
	if out, err := b.run(t, []string{"KEEP=1", "SERVICES=nobody"}, "sh", b.script); err == nil || !strings.Contains(out, "NOBODY_POSTGRES_USER is not set: the Secret nobody-database is missing") {
		t.Errorf("without a Secret: %v\n%s", err, out)
	}
	if all := b.names(t); len(all) != 2 || all[0] != newest {
		t.Errorf("with a lower KEEP, and a backup that fails, there are %v", all)
	}
}

func (s *store) stopAll(t *testing.T) {
	t.Helper()
	stop := []func() error{s.StopRouter, s.StopPayment}
	for _, name := range subgraphs.Names() {
		stop = append(stop, func() error { return s.StopService(name) })
	}
	for _, do := range stop {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *store) startAll(t *testing.T) {
	t.Helper()
	if err := s.StartPayment(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range subgraphs.Names() {
		if err := s.StartService(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.StartRouter(t.Context()); err != nil {
		t.Fatal(err)
	}
}
