// Package remotetest runs the places that package remote fetches from, for tests: an OCI registry
// and a bucket, over real HTTP. registry.go has the one, bucket.go the other.
package remotetest

import (
	"net/http/httptest"
	"strings"
)

// host returns the host and port of a server.
func host(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
