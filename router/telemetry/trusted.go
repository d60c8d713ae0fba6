package telemetry

import (
	"sync"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

// maxClients bounds the time series of TrustedDocument, because clients choose their names.
const maxClients = 50

type trustedKey struct{ client, result string }

// TrustedDocument counts requests of a client for documents that are known or unknown. Clients
// after the first maxClients count as "_OTHER".
func (m *Metrics) TrustedDocument(client, result string) prometheus.Counter {
	return m.trusted.Get(trustedKey{m.clients.bound(client), result})
}

// boundedNames are the first names of a kind.
type boundedNames struct {
	mu    sync.RWMutex
	known map[string]bool
}

// bound returns a name if it is one of the first maxClients, or else "_OTHER".
func (b *boundedNames) bound(name string) string {
	b.mu.RLock()
	known, full := b.known[name], len(b.known) >= maxClients
	b.mu.RUnlock()
	switch {
	case known:
		return name
	case full || !utf8.ValidString(name): // a label must be UTF-8
		return "_OTHER"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.known) >= maxClients && !b.known[name] {
		return "_OTHER"
	}
	if b.known == nil {
		b.known = map[string]bool{}
	}
	b.known[name] = true
	return name
}
