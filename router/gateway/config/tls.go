package config

import (
	"crypto/tls"
	"fmt"
	"reflect"
	"time"

	"souk/jwks"
	"souk/router/internal/tlsfile"
)

// ServerTLS configures TLS on a port. The files are read again when they change.
type ServerTLS struct {
	CertFile           string `yaml:"cert_file" desc:"PEM file with the certificate and its chain. New connections use a changed file within a second." required_with:"key_file" example:"server.crt"`
	KeyFile            string `yaml:"key_file" desc:"PEM file with the private key of the certificate." required_with:"cert_file" example:"server.key"`
	ClientCAFile       string `yaml:"client_ca_file" desc:"PEM file of the certificate authorities that sign client certificates. If it is empty, clients are not asked for a certificate." required_with:"cert_file" example:"clients-ca.crt"`
	ClientCertificates string `yaml:"client_certificates" desc:"Whether a client without a certificate of client_ca_file is refused (required) or admitted (optional)." enum:"required,optional"`
	MinVersion         string `yaml:"min_version" desc:"Oldest version of TLS to accept." enum:"1.2,1.3"`
}

// ClientTLS configures TLS for connections to a server. The files are read again when they
// change.
type ClientTLS struct {
	CAFile             string `yaml:"ca_file" desc:"PEM file of trusted certificate authorities. It replaces the system's. New connections use a changed file within a second." example:"ca.crt"`
	CertFile           string `yaml:"cert_file" desc:"PEM file with the client certificate, for servers that require one." required_with:"key_file" example:"client.crt"`
	KeyFile            string `yaml:"key_file" desc:"PEM file with the private key of the client certificate." required_with:"cert_file" example:"client.key"`
	ServerName         string `yaml:"server_name" desc:"Host name to verify in the server certificate, if it differs from the host in the URL." example:"products.shop.example"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" desc:"Accept any server certificate. Do not use this in production."`
}

// Enabled reports whether the port speaks TLS.
func (t ServerTLS) Enabled() bool { return t.CertFile != "" }

// Scheme returns the URL scheme of the port.
func (t ServerTLS) Scheme() string {
	if t.Enabled() {
		return "https"
	}
	return "http"
}

// Config returns the TLS configuration of the port. The errors name keys of the block.
func (t ServerTLS) Config(http2 bool, o tlsfile.Options) (*tls.Config, error) {
	s := tlsfile.Server{
		Cert: t.CertFile, Key: t.KeyFile, ClientCA: t.ClientCAFile, Optional: t.ClientCertificates == "optional",
		MinVersion: tls.VersionTLS12, Protocols: []string{"http/1.1"},
	}
	if t.MinVersion == "1.3" {
		s.MinVersion = tls.VersionTLS13
	}
	if http2 {
		s.Protocols = []string{"h2", "http/1.1"}
	}
	return s.Config(o)
}

// Source returns the TLS configuration for connections. The errors name keys of the block.
func (t ClientTLS) Source(o tlsfile.Options) (*tlsfile.Source, error) {
	return tlsfile.Client{
		CA: t.CAFile, Cert: t.CertFile, Key: t.KeyFile, ServerName: t.ServerName, Insecure: t.InsecureSkipVerify,
	}.Source(nil, o)
}

// CheckFiles reads the files with certificates and keys, and key sets, which [Config.Check] does not: a
// configuration may be checked on another machine than the router's. The error is an [Errors]. Certificates
// that are not valid now, and connections that verify none, are warnings of the source.
func (c *Config) CheckFiles(source *Source) error {
	k := &checker{source: source}
	k.warn(reflect.ValueOf(*c), "", time.Now())
	for key, t := range map[string]ServerTLS{"tls": c.TLS, "admin.tls": c.Admin.TLS} {
		if t.Enabled() {
			_, err := t.Config(false, tlsfile.Options{})
			k.file(key, err)
		}
	}
	for key, t := range c.clientTLS() {
		_, err := t.Source(tlsfile.Options{})
		k.file(key, err)
	}
	for i, s := range c.Authentication.JWT.JWKS {
		if s.File != "" {
			if err := jwks.CheckFile(s.File); err != nil {
				key := fmt.Sprintf("authentication.jwt.jwks[%d].file", i)
				k.fail(key, "%s: %v", key, err)
			}
		}
	}
	for name, p := range c.EventSources.Providers {
		p.checkFiles("event_sources.providers."+name, k)
	}
	if len(k.problems) > 0 {
		return k.problems.Sorted()
	}
	return nil
}

// clientTLS returns the TLS blocks of connections to subgraphs, issuers and sources by their keys.
func (c *Config) clientTLS() map[string]ClientTLS {
	blocks := map[string]ClientTLS{"traffic_shaping.all.tls": c.TrafficShaping.All.TLS, "supergraph.remote.tls": c.Supergraph.Remote.TLS, "persisted_documents.remote.tls": c.PersistedDocuments.Remote.TLS, "canary.remote.tls": c.Canary.Remote.TLS}
	for name, s := range c.TrafficShaping.Subgraphs {
		blocks["traffic_shaping.subgraphs."+name+".tls"] = s.TLS
	}
	for i, s := range c.Authentication.JWT.JWKS {
		blocks[fmt.Sprintf("authentication.jwt.jwks[%d].tls", i)] = s.TLS
	}
	return blocks
}

// file adds the error of a file of a block.
func (k *checker) file(block string, err error) {
	if err != nil {
		k.fail(block, "%s.%v", block, err)
	}
}
