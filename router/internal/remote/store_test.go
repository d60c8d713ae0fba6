package remote_test

import (
	"strings"
	"testing"

	"souk/router/internal/remote"
	"souk/router/internal/remote/remotetest"
)

const mediaType = "application/apollo.schema"

func artifact(t *testing.T, r *remotetest.Registry, reference string) remote.Source {
	t.Helper()
	return newSource(t, remote.Options{URL: r.URL() + reference, MediaType: mediaType, PlainHTTP: true})
}

func TestArtifactByTagFollowsTheTag(t *testing.T) {
	c := remotetest.NewRegistry(t)
	c.LogIn(t, true)
	c.Push(t, "production", remotetest.Layer{MediaType: mediaType, Text: "text 1"}, remotetest.Layer{MediaType: "text/plain", Text: "notes"})
	s := artifact(t, c, ":production")
	for i, want := range []string{"text 1", "", "text 2", ""} {
		if i == 2 {
			c.Push(t, "production", remotetest.Layer{MediaType: mediaType, Text: "text 2"})
		}
		if got := fetch(t, s); got != want {
			t.Errorf("fetch %d: got %q, want %q", i, got, want)
		}
	}
	c.Push(t, "latest", remotetest.Layer{MediaType: mediaType, Text: "newest"})
	if got := fetch(t, artifact(t, c, "")); got != "newest" {
		t.Errorf("without a tag: got %q", got)
	}
}

func TestArtifactByDigestIsFetchedOnce(t *testing.T) {
	c := remotetest.NewRegistry(t)
	c.LogIn(t, true)
	first := c.Push(t, "production", remotetest.Layer{MediaType: mediaType, Text: "text 1"})
	c.Push(t, "production", remotetest.Layer{MediaType: mediaType, Text: "text 2"})
	s := artifact(t, c, "@"+first)
	if got := fetch(t, s); got != "text 1" {
		t.Errorf("got %q", got)
	}
	before := c.Requests.Load()
	if got := fetch(t, s); got != "" || c.Requests.Load() != before {
		t.Errorf("got %q after %d requests", got, c.Requests.Load()-before)
	}
}

func TestArtifactErrors(t *testing.T) {
	c := remotetest.NewRegistry(t)
	c.LogIn(t, false)
	c.Push(t, "production", remotetest.Layer{MediaType: mediaType, Text: "text"})
	refuses(t, artifact(t, c, ":production"), "fetching "+c.URL()+":production: ", "401")
	c.LogIn(t, true)
	refuses(t, artifact(t, c, ":none"), "not found")
	c.Push(t, "other", remotetest.Layer{MediaType: "text/plain", Text: "text"})
	refuses(t, artifact(t, c, ":other"), "it has no layer of the media type application/apollo.schema, only of text/plain; push the file as FILE:application/apollo.schema, or set media_type")
	c.Push(t, "two", remotetest.Layer{MediaType: mediaType, Text: "a"}, remotetest.Layer{MediaType: mediaType, Text: "b"})
	refuses(t, artifact(t, c, ":two"), "it has 2 layers of the media type")
	c.Push(t, "large", remotetest.Layer{MediaType: mediaType, Text: strings.Repeat("x", 1<<20+1)})
	refuses(t, artifact(t, c, ":large"), "larger than max_bytes")
	c.Damaged.Store(true)
	refuses(t, artifact(t, c, ":production"), "the layer sha256:")
	refuses(t, newSource(t, remote.Options{URL: c.URL() + ":production", MediaType: mediaType}), "server gave HTTP response to HTTPS client")
}

func TestObjectIsFetchedWhenItChanges(t *testing.T) {
	bucket := remotetest.NewBucket(t)
	bucket.Put(t, "shop/supergraph.graphql", "text 1")
	s := newSource(t, remote.Options{URL: "s3://graphs/shop/supergraph.graphql", Endpoint: bucket.Endpoint})
	for i, want := range []string{"text 1", "", "text 2", ""} {
		if i == 2 {
			bucket.Put(t, "shop/supergraph.graphql", "text 2")
		}
		if got := fetch(t, s); got != want {
			t.Errorf("fetch %d: got %q, want %q", i, got, want)
		}
	}
	bucket.Put(t, "large", strings.Repeat("x", 1<<20+1))
	refuses(t, newSource(t, remote.Options{URL: "s3://graphs/large", Endpoint: bucket.Endpoint}), "fetching s3://graphs/large: it is larger than max_bytes")
	refuses(t, newSource(t, remote.Options{URL: "s3://graphs/none", Endpoint: bucket.Endpoint}), "fetching s3://graphs/none: ", "check the bucket and key in the url")
	refuses(t, newSource(t, remote.Options{URL: "s3://other/none", Endpoint: bucket.Endpoint}), "check the bucket and key in the url")
}
