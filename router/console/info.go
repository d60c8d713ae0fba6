package console

import (
	"cmp"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// An infoResponse describes the router.
type infoResponse struct {
	Version    string         `json:"version"`
	Dev        bool           `json:"dev"`
	Started    time.Time      `json:"started"`
	Now        time.Time      `json:"now"`
	Replica    string         `json:"replica"`
	Supergraph infoSupergraph `json:"supergraph"`
	GraphQLURL string         `json:"graphql_url"`
	// PlaygroundURL is nil if the playground is disabled.
	PlaygroundURL *string      `json:"playground_url"`
	Features      infoFeatures `json:"features"`
}

type infoSupergraph struct {
	ID     string    `json:"id"`
	Loaded time.Time `json:"loaded"`
}

type infoFeatures struct {
	Events   bool `json:"events"`
	Replicas bool `json:"replicas"`
	Canary   bool `json:"canary"`
}

func (h *handler) info(r *http.Request) (any, error) {
	s, ok := h.Gateway.Supergraph()
	if !ok {
		return nil, errClosed
	}
	out := infoResponse{
		Version: cmp.Or(h.Version, "unknown"), Dev: h.Dev, Started: h.Started.UTC(), Now: h.Now().UTC(), Replica: replica(),
		Supergraph: infoSupergraph{ID: s.ID, Loaded: s.Loaded.UTC()},
		GraphQLURL: h.publicURL(r, h.Path),
		Features:   infoFeatures{Events: h.Events != nil, Replicas: h.Prometheus != "", Canary: h.Canary != nil},
	}
	if h.PlaygroundPath != "" {
		page := h.publicURL(r, h.PlaygroundPath)
		out.PlaygroundURL = &page
	}
	return out, nil
}

var errClosed = &problem{status: http.StatusServiceUnavailable, detail: "The router is shutting down."}

// publicURL returns the URL of a path on the public port. Its host is the one that the request
// was sent to if that is an IP address, localhost or the host of admin.listen. A caller can
// write anything else into Host, so the name of this machine stands for it.
func (h *handler) publicURL(r *http.Request, path string) string {
	host := hostname(r)
	if host == "" || !h.Hosts.Allow(r.Host) {
		host = replica()
	}
	u := url.URL{Scheme: "http", Host: host, Path: path}
	if h.PublicPort != nil {
		u.Host = net.JoinHostPort(u.Host, h.PublicPort())
	}
	return u.String()
}

// replica returns the name of this replica: the host name, which is the name of the pod on
// Kubernetes.
func replica() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}
