package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"souk/internal/loopback/loopbacktest"
	"souk/internal/pgserver"
)

// The same sources produce the same bytes in any directory, and the binary has the
// version.
func TestBuildIsReproducible(t *testing.T) {
	releaseTest(t)
	elsewhere := filepath.Join(t.TempDir(), "a", "longer", "path")
	copySources(t, elsewhere)
	here, there := buildIn(t, "."), buildIn(t, elsewhere)
	a, err := os.ReadFile(here)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(there)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("builds in two directories differ: %d and %d bytes", len(a), len(b))
	}
	out, err := exec.CommandContext(t.Context(), here, "--version").Output()
	if err != nil || !strings.Contains(string(out), "9.8.7") {
		t.Errorf("got version %q, err %v", out, err)
	}
}

// releaseTest skips a test that compiles all packages once more, for a release.
func releaseTest(t *testing.T) {
	t.Helper()
	if os.Getenv("SOUK_RELEASE_TEST") == "" {
		t.Skip("compiling for a release takes minutes; make release-test runs it")
	}
}

// The image has everything that the program needs: it runs in a root directory that has
// only the image's files and is read-only, as the image's user and without privileges.
func TestImageNeedsNothingElse(t *testing.T) {
	releaseTest(t)
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("changing the root directory needs root on Linux")
	}
	for _, program := range []string{"unshare", "setpriv", "chroot", "mount"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("changing the root directory needs the program", program)
		}
	}
	image := readDockerfile(t)
	root := image.unpack(t, buildIn(t, "."))

	t.Run("router without a graph", func(t *testing.T) {
		p := image.run(t, root, listenAt(loopbacktest.Address(t), loopbacktest.Address(t)), image.command...)
		if err := p.Wait(); err == nil || !strings.Contains(p.log.String(), "/etc/souk/graph/supergraph.graphql") {
			t.Errorf("got err %v, want one that names the missing file:\n%s", err, p.log)
		}
	})
	t.Run("router", func(t *testing.T) {
		copyFile(t, "schema/supergraph.graphql", filepath.Join(root, "etc/souk/graph/supergraph.graphql"), 0o644) // as docker run --volume
		address, admin := loopbacktest.Address(t), loopbacktest.Address(t)
		p := image.run(t, root, listenAt(address, admin), image.command...)
		await(t, "ready", func() bool { status, _ := get(t, "http://"+address+"/readyz"); return status == http.StatusOK })
		if status, _ := get(t, "http://"+address+"/api/products"); status != http.StatusNotFound {
			t.Errorf("/api/products: got status %d; the image has routes of the store", status)
		}
		p.serves(t, "http://"+address, "http://"+admin)
	})
	t.Run("user service", func(t *testing.T) {
		postgres, err := pgserver.Start(t.Context(), pgserver.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := postgres.Stop(); err != nil {
				t.Error(err)
			}
		})
		database, err := postgres.Database(t.Context(), "souk_user")
		if err != nil {
			t.Fatal(err)
		}
		address := loopbacktest.Address(t)
		_, port, _ := net.SplitHostPort(address)
		environment := []string{"PORT=" + port, "DATABASE_URL=" + database, "REDIS_URL=redis://" + miniredis.RunT(t).Addr(), "SERVICE_TOKEN=shared"}
		p := image.run(t, root, environment, "user")
		p.serves(t, "http://"+address, "http://"+address)
	})
}

// image is the last stage of the Dockerfile.
type image struct {
	copies     [][2]string // from the sources to the image
	user       string
	entrypoint string
	command    []string
}

func readDockerfile(t *testing.T) (i image) {
	t.Helper()
	text, err := os.ReadFile("Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, stage, _ := strings.Cut(string(text), "\nFROM gcr.io/distroless/static")
	for line := range strings.Lines(stage) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		var list []string
		if strings.HasPrefix(rest, "[") {
			if err := json.Unmarshal([]byte(rest), &list); err != nil {
				t.Fatal(err)
			}
		}
		switch word {
		case "COPY":
			if paths := strings.Fields(rest); len(paths) == 2 {
				i.copies = append(i.copies, [2]string{paths[0], paths[1]})
			}
		case "USER":
			i.user = rest
		case "ENTRYPOINT":
			i.entrypoint = list[0]
		case "CMD":
			i.command = list
		}
	}
	if len(i.copies) == 0 || i.user != "65532:65532" || i.entrypoint == "" || len(i.command) == 0 {
		t.Fatalf("got image %+v from the Dockerfile", i)
	}
	return i
}

// unpack creates a root directory with the image's files.
func (i image) unpack(t *testing.T, program string) string {
	t.Helper()
	root, err := os.MkdirTemp("", "souk-image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, program, filepath.Join(root, i.entrypoint), 0o755)
	for _, c := range i.copies {
		err := filepath.WalkDir(c[0], func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			copyFile(t, path, filepath.Join(root, c[1], strings.TrimPrefix(path, c[0])), 0o644)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// listenAt returns the environment of a router with other addresses: those of the image may
// be in use here.
func listenAt(address, admin string) []string {
	return []string{"ROUTER_LISTEN=" + address, "ROUTER_ADMIN_LISTEN=" + admin}
}

// A container is the program in its root directory.
type container struct {
	*exec.Cmd
	log *bytes.Buffer
}

// run starts the image's program as a container engine does for the manifests: with a
// read-only root, as nobody, and without privileges.
func (i image) run(t *testing.T, root string, environment []string, args ...string) *container {
	t.Helper()
	script := `mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" &&
		exec setpriv --no-new-privs chroot --userspec="$1" --groups= "$0" "${@:2}"`
	all := append([]string{"--mount", "--", "bash", "-c", script, root, i.user, i.entrypoint}, args...)
	c := &container{Cmd: exec.CommandContext(t.Context(), "unshare", all...), log: new(bytes.Buffer)}
	c.Env, c.Stdout, c.Stderr = environment, c.log, c.log
	c.Env = append(c.Env, "PATH="+os.Getenv("PATH"))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if c.ProcessState == nil {
			_ = c.Process.Kill() // a test that failed
			_ = c.Wait()
		}
		if t.Failed() {
			t.Log(c.log)
		}
	})
	return c
}

// serves checks that the program is healthy and confined, and that it responds to a
// request that is in progress when it receives SIGTERM.
func (c *container) serves(t *testing.T, url, metrics string) {
	t.Helper()
	await(t, "healthy", func() bool { status, _ := get(t, url+"/healthz"); return status == http.StatusOK })
	status := c.proc(t, "status")
	for _, line := range []string{"Uid:\t65532\t65532\t65532\t65532\n", "Groups:\t \n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		if !strings.Contains(status, line) {
			t.Errorf("the process does not have %q:\n%s", line, status)
		}
	}
	readOnly := false
	for line := range strings.Lines(c.proc(t, "mountinfo")) {
		if fields := strings.Fields(line); fields[4] == "/" {
			readOnly = strings.HasPrefix(fields[5], "ro,")
		}
	}
	if !readOnly {
		t.Error("the root directory is writable")
	}
	body, send := io.Pipe()
	answered := make(chan int, 1)
	go func() { answered <- postSlowly(t.Context(), url+"/graphql", body) }()
	if _, err := send.Write([]byte(`{"query":`)); err != nil {
		t.Fatal(err)
	}
	await(t, "a request under way", func() bool {
		_, text := get(t, metrics+"/metrics")
		return strings.Contains(text, "\nhttp_server_active_requests{http_request_method=\"POST\"} 1\n")
	})
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "no more requests taken", func() bool { status, _ := get(t, url+"/readyz"); return status != http.StatusOK })
	if _, err := send.Write([]byte(`"{__typename}"}`)); err != nil {
		t.Fatal(err)
	}
	_ = send.Close() // a pipe's never fails
	if status := <-answered; status != http.StatusOK {
		t.Errorf("request in progress: got status %d", status)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("the process exited with %v", err)
	}
}

func (c *container) proc(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", c.Process.Pid, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// postSlowly sends a body as it becomes available and returns the status, or 0.
func postSlowly(ctx context.Context, url string, body io.Reader) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, body)
	if err != nil {
		return 0
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, ""
	}
	return res.StatusCode, string(text)
}

// await waits for a condition that depends on another process.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("timed out after a minute: not %s", what)
		case <-tick.C:
		}
	}
}

// buildIn builds the program as the image does and returns its path.
func buildIn(t *testing.T, dir string) string {
	t.Helper()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	path := filepath.Join(t.TempDir(), "souk")
	out, err := exec.CommandContext(t.Context(), "make", "-s", "-C", dir, "build", "VERSION=9.8.7", "OUT="+path).CombinedOutput()
	if err != nil {
		t.Fatalf("building in %s: %v: %s", dir, err, out)
	}
	return path
}

// copySources copies the files that a build needs.
func copySources(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || path == "bin" || d.Name() == "results" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.Type().IsRegular():
			copyFile(t, path, filepath.Join(to, path), 0o644)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string, mode fs.FileMode) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, mode); err != nil {
		t.Fatal(err)
	}
}
