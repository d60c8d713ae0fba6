package dependency

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// WatchCertificates returns a copy of a TLS configuration. Connections that use it export
// when the certificates of both sides expire. A nil configuration, which means no TLS, stays
// nil.
func (d *Dependency) WatchCertificates(c *tls.Config) *tls.Config {
	if d == nil || c == nil {
		return c
	}
	c = c.Clone()
	verify := c.VerifyConnection
	own := c.Certificates
	c.VerifyConnection = func(state tls.ConnectionState) error {
		d.expires("server", state.PeerCertificates)
		for _, certificate := range own {
			d.expires("client", parsed(certificate))
		}
		if verify != nil {
			return verify(state)
		}
		return nil
	}
	return c
}

// expires exports the first end of a chain's certificates.
func (d *Dependency) expires(owner string, chain []*x509.Certificate) {
	var first time.Time
	for _, c := range chain {
		if first.IsZero() || c.NotAfter.Before(first) {
			first = c.NotAfter
		}
	}
	if first.IsZero() {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.closed { // otherwise its series have been removed
		d.metrics.Expires(owner, float64(first.Unix()))
	}
}

// parsed returns the certificates of a chain, without those that cannot be parsed.
func parsed(c tls.Certificate) (chain []*x509.Certificate) {
	for _, der := range c.Certificate {
		if certificate, err := x509.ParseCertificate(der); err == nil {
			chain = append(chain, certificate)
		}
	}
	return chain
}
