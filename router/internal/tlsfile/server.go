package tlsfile

import (
	"crypto/tls"
)

// A Server says how connections from clients are secured.
type Server struct {
	// Cert and Key are the files of the certificate, with its chain, and its key.
	Cert, Key string
	// ClientCA is the file of the authorities of client certificates. If it is empty,
	// clients are not asked for one.
	ClientCA string
	// Optional accepts clients without a certificate.
	Optional bool
	// MinVersion is the oldest version of TLS.
	MinVersion uint16
	// Protocols are those of HTTP to offer, such as h2.
	Protocols []string
}

// Config returns the configuration of a server. It asks the files for each connection. The
// errors name configuration keys.
func (s Server) Config(o Options) (*tls.Config, error) {
	source, err := newSource([]string{s.Cert, s.Key, s.ClientCA}, s.config, o)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: s.MinVersion, NextProtos: s.Protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return source.Config(), nil },
	}, nil
}

func (s Server) config() (*tls.Config, error) {
	own, err := pair(s.Cert, s.Key)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: s.MinVersion, NextProtos: s.Protocols, Certificates: []tls.Certificate{own}}
	if s.ClientCA == "" {
		return config, nil
	}
	if config.ClientCAs, err = authorities("client_ca_file", s.ClientCA); err != nil {
		return nil, err
	}
	config.ClientAuth = tls.RequireAndVerifyClientCert
	if s.Optional {
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return config, nil
}
