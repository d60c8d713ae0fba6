package remotetest

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
)

const user, password = "souk", "secret"

// A Registry is an OCI registry that needs a user and a password.
type Registry struct {
	// Requests counts the requests with credentials.
	Requests atomic.Int64
	// Damaged makes it return blobs that are not what their digests say.
	Damaged atomic.Bool
	// Stop stops it.
	Stop func()

	host string
}

// NewRegistry starts an empty registry.
func NewRegistry(t *testing.T) *Registry {
	t.Helper()
	r := &Registry{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if given, secret, _ := req.BasicAuth(); given != user || secret != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.Requests.Add(1)
		if r.Damaged.Load() && req.Method == http.MethodGet && strings.Contains(req.URL.Path, "/blobs/") {
			fmt.Fprint(w, "type Evil")
			return
		}
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	r.host, r.Stop = host(server), server.Close
	return r
}

// URL returns the address of the repository that Push writes to.
func (r *Registry) URL() string { return "oci://" + r.host + "/graphs/shop" }

// A Layer is a file of an artifact.
type Layer struct{ MediaType, Text string }

// Push pushes an artifact as `oras push` does, and returns its digest.
func (r *Registry) Push(t *testing.T, tag string, layers ...Layer) string {
	t.Helper()
	repository, err := remote.NewRepository(r.host + "/graphs/shop")
	if err != nil {
		t.Fatal(err)
	}
	repository.PlainHTTP = true
	repository.Client = &auth.Client{Client: http.DefaultClient, Credential: auth.StaticCredential(r.host, auth.Credential{Username: user, Password: password})}
	var pushed []v1.Descriptor
	for _, layer := range layers {
		d, err := oras.PushBytes(t.Context(), repository, layer.MediaType, []byte(layer.Text))
		if err != nil {
			t.Fatal(err)
		}
		pushed = append(pushed, d)
	}
	manifest, err := oras.PackManifest(t.Context(), repository, oras.PackManifestVersion1_1, "application/vnd.souk.test", oras.PackManifestOptions{Layers: pushed})
	if err != nil {
		t.Fatal(err)
	}
	if err := repository.Tag(t.Context(), manifest, tag); err != nil {
		t.Fatal(err)
	}
	return manifest.Digest.String()
}

// LogIn writes a Docker configuration with credentials for the registry, and makes it that of the
// test. They are wrong if valid is false.
func (r *Registry) LogIn(t *testing.T, valid bool) {
	t.Helper()
	secret := password
	if !valid {
		secret = "wrong"
	}
	dir := t.TempDir()
	text := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, r.host, base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
}
