package remote_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	orasremote "oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"souk/router/internal/remote"
)

const mediaType = "application/apollo.schema"

// A container registry that needs a user and a password.
type containers struct {
	host     string
	requests atomic.Int64
	damaged  atomic.Bool // blobs are not what their digests say
}

func newContainers(t *testing.T) *containers {
	t.Helper()
	c := &containers{}
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "souk" || password != "secret" {
			w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		c.requests.Add(1)
		if c.damaged.Load() && r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/blobs/") {
			fmt.Fprint(w, "type Evil")
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	c.host = strings.TrimPrefix(server.URL, "http://")
	return c
}

// push pushes an artifact as `oras push` does, and returns its digest.
func (c *containers) push(t *testing.T, tag string, layers ...[2]string) string {
	t.Helper()
	repository, err := orasremote.NewRepository(c.host + "/graphs/shop")
	if err != nil {
		t.Fatal(err)
	}
	repository.PlainHTTP = true
	repository.Client = &auth.Client{Client: http.DefaultClient, Credential: auth.StaticCredential(c.host, auth.Credential{Username: "souk", Password: "secret"})}
	var pushed []v1.Descriptor
	for _, layer := range layers {
		d, err := oras.PushBytes(t.Context(), repository, layer[0], []byte(layer[1]))
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

// logIn writes a Docker configuration with credentials for the registry.
func (c *containers) logIn(t *testing.T, password string) {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, c.host, base64.StdEncoding.EncodeToString([]byte("souk:"+password)))
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("DOCKER_CONFIG", dir)
}

func (c *containers) source(t *testing.T, reference string) remote.Source {
	t.Helper()
	return newSource(t, remote.Options{URL: "oci://" + c.host + "/graphs/shop" + reference, MediaType: mediaType, PlainHTTP: true})
}

func TestArtifactByTagFollowsTheTag(t *testing.T) {
	c := newContainers(t)
	c.logIn(t, "secret")
	c.push(t, "production", [2]string{mediaType, "text 1"}, [2]string{"text/plain", "notes"})
	s := c.source(t, ":production")
	for i, want := range []string{"text 1", "", "text 2", ""} {
		if i == 2 {
			c.push(t, "production", [2]string{mediaType, "text 2"})
		}
		if got := fetch(t, s); got != want {
			t.Errorf("fetch %d: got %q, want %q", i, got, want)
		}
	}
	c.push(t, "latest", [2]string{mediaType, "newest"})
	if got := fetch(t, c.source(t, "")); got != "newest" {
		t.Errorf("without a tag: got %q", got)
	}
}

func TestArtifactByDigestIsFetchedOnce(t *testing.T) {
	c := newContainers(t)
	c.logIn(t, "secret")
	first := c.push(t, "production", [2]string{mediaType, "text 1"})
	c.push(t, "production", [2]string{mediaType, "text 2"})
	s := c.source(t, "@"+first)
	if got := fetch(t, s); got != "text 1" {
		t.Errorf("got %q", got)
	}
	before := c.requests.Load()
	if got := fetch(t, s); got != "" || c.requests.Load() != before {
		t.Errorf("got %q after %d requests", got, c.requests.Load()-before)
	}
}

func TestArtifactErrors(t *testing.T) {
	c := newContainers(t)
	c.logIn(t, "wrong")
	c.push(t, "production", [2]string{mediaType, "text"})
	refuses(t, c.source(t, ":production"), "fetching oci://"+c.host+"/graphs/shop:production: ", "401")
	c.logIn(t, "secret")
	refuses(t, c.source(t, ":none"), "not found")
	c.push(t, "other", [2]string{"text/plain", "text"})
	refuses(t, c.source(t, ":other"), "it has no layer of the media type application/apollo.schema, only of text/plain; push the file as FILE:application/apollo.schema, or set media_type")
	c.push(t, "two", [2]string{mediaType, "a"}, [2]string{mediaType, "b"})
	refuses(t, c.source(t, ":two"), "it has 2 layers of the media type")
	c.push(t, "large", [2]string{mediaType, strings.Repeat("x", 1<<20+1)})
	refuses(t, c.source(t, ":large"), "larger than max_bytes")
	c.damaged.Store(true)
	refuses(t, c.source(t, ":production"), "the layer sha256:")
	refuses(t, newSource(t, remote.Options{URL: "oci://" + c.host + "/graphs/shop:production", MediaType: mediaType}), "server gave HTTP response to HTTPS client")
}

// newBucket starts an S3 service with a bucket.
func newBucket(t *testing.T) (endpoint string, put func(key, text string)) {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithoutVersioning()).Server())
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.MakeBucket(t.Context(), "graphs", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "us-east-1")
	return server.URL, func(key, text string) {
		t.Helper()
		if _, err := client.PutObject(context.Background(), "graphs", key, bytes.NewReader([]byte(text)), int64(len(text)), minio.PutObjectOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestObjectIsFetchedWhenItChanges(t *testing.T) {
	endpoint, put := newBucket(t)
	put("shop/supergraph.graphql", "text 1")
	s := newSource(t, remote.Options{URL: "s3://graphs/shop/supergraph.graphql", Endpoint: endpoint})
	for i, want := range []string{"text 1", "", "text 2", ""} {
		if i == 2 {
			put("shop/supergraph.graphql", "text 2")
		}
		if got := fetch(t, s); got != want {
			t.Errorf("fetch %d: got %q, want %q", i, got, want)
		}
	}
	put("large", strings.Repeat("x", 1<<20+1))
	refuses(t, newSource(t, remote.Options{URL: "s3://graphs/large", Endpoint: endpoint}), "fetching s3://graphs/large: it is larger than max_bytes")
	refuses(t, newSource(t, remote.Options{URL: "s3://graphs/none", Endpoint: endpoint}), "fetching s3://graphs/none: ", "check the bucket and key in the url")
	refuses(t, newSource(t, remote.Options{URL: "s3://other/none", Endpoint: endpoint}), "check the bucket and key in the url")
}
