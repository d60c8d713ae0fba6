package tlsfile

import (
	"context"
	"crypto/tls"
	"net"
)

// A Client says how connections to servers are secured.
type Client struct {
	// CA is the file of the certificate authorities to trust, in place of the system's.
	CA string
	// Cert and Key are the files of the client certificate and its key.
	Cert, Key string
	// ServerName is the name in the server's certificate, if it differs from the host.
	ServerName string
	// Insecure accepts any server certificate.
	Insecure bool
}

// Source returns the configuration for connections. base has settings to keep; it may be nil.
// The errors name configuration keys.
func (c Client) Source(base *tls.Config, o Options) (*Source, error) {
	return newSource([]string{c.CA, c.Cert, c.Key}, func() (*tls.Config, error) { return c.config(base) }, o)
}

func (c Client) config(base *tls.Config) (*tls.Config, error) {
	config := base.Clone()
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.ServerName != "" {
		config.ServerName = c.ServerName
	}
	config.InsecureSkipVerify = config.InsecureSkipVerify || c.Insecure
	// New connections resume TLS sessions.
	config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	if c.CA != "" {
		pool, err := authorities("ca_file", c.CA)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if c.Cert != "" {
		own, err := pair(c.Cert, c.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	return config, nil
}

// For returns the configuration for a connection to a host, or host:port. It has a server name
// unless the configuration has one.
func (s *Source) For(address string) *tls.Config {
	config := s.Config()
	if config.ServerName != "" {
		return config
	}
	config = config.Clone()
	config.ServerName = address
	if host, _, err := net.SplitHostPort(address); err == nil {
		config.ServerName = host
	}
	return config
}

// Dial opens a secured connection, for [net/http.Transport.DialTLSContext].
func (s *Source) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&tls.Dialer{Config: s.For(address)}).DialContext(ctx, network, address)
}
