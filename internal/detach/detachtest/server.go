// Package detachtest serves handlers whose responses may outlive them, for tests.
package detachtest

import (
	"net/http"
	"net/http/httptest"

	"souk/internal/detach"
)

// NewServer is like httptest.NewServer.
func NewServer(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(detach.Handler(h))
	s.Config.ConnContext = detach.ConnContext
	s.Start()
	return s
}
