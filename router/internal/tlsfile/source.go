package tlsfile

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"souk/internal/boundedfile"
	"souk/internal/fileversion"
)

// checkEvery is how often a Source looks for changes of its files at most. It bounds how long
// new connections use the old ones.
const checkEvery = time.Second

// maxFile is the largest size of a file in bytes. Bundles of all public certificate authorities
// have less than 300 kB.
const maxFile = 4 << 20

// A Source has the TLS configuration that is made of some files. It is safe for concurrent use.
// The configuration of a nil Source is nil.
type Source struct {
	files   []string
	make    func() (*tls.Config, error)
	options Options

	mu       sync.Mutex
	config   *tls.Config
	seen     versions  // those of the files that config is made of
	reported string    // the last error that was reported, since the last success
	next     time.Time // when to look for changes again
}

// Options are hooks of a Source.
type Options struct {
	// Changed is called after each attempt to use changed files. err is nil if new
	// connections use them, and otherwise says why they do not. An error is reported once
	// until it changes. It may be nil.
	Changed func(err error)
	// Watch returns the configuration to use in place of one, such as a copy with hooks. It may
	// be nil.
	Watch func(*tls.Config) *tls.Config
	// Expires is called with the end of validity of the own certificate, if there is one,
	// whenever it is read. It may be nil.
	Expires func(time.Time)

	now func() time.Time // time.Now, but for tests
}

// newSource makes the first configuration. It fails if the files cannot be used.
func newSource(files []string, make func() (*tls.Config, error), o Options) (*Source, error) {
	if o.Changed == nil {
		o.Changed = func(error) {}
	}
	if o.Expires == nil {
		o.Expires = func(time.Time) {}
	}
	if o.Watch == nil {
		o.Watch = func(c *tls.Config) *tls.Config { return c }
	}
	if o.now == nil {
		o.now = time.Now
	}
	s := &Source{make: make, options: o}
	for _, file := range files {
		if file != "" {
			s.files = append(s.files, file)
		}
	}
	seen, config, err := s.read()
	if err != nil {
		return nil, err
	}
	s.used(seen, config)
	return s, nil
}

// Config returns the configuration for a new connection. It is the same pointer until the files
// change. The caller must not modify it.
func (s *Source) Config() *tls.Config {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.options.now(); len(s.files) > 0 && !now.Before(s.next) {
		s.next = now.Add(checkEvery)
		s.refresh()
	}
	return s.config
}

// refresh makes the configuration again if the files have changed.
func (s *Source) refresh() {
	if now, err := s.look(); err == nil && slices.EqualFunc(now, s.seen, fileversion.Same) {
		return
	}
	seen, config, err := s.read()
	if err == nil {
		s.used(seen, config)
		s.options.Changed(nil)
		return
	}
	if s.reported != err.Error() {
		s.reported = err.Error()
		s.options.Changed(err)
	}
}

// read makes a configuration of the files. It looks at their versions first, so that a change in
// the meantime counts as one. Errors of make name the key of the file.
func (s *Source) read() (seen versions, config *tls.Config, err error) {
	seen, err = s.look()
	config, makeErr := s.make()
	if makeErr != nil {
		err = makeErr
	}
	return seen, config, err
}

// used records that new connections use a configuration, made of certain versions of the files.
func (s *Source) used(seen versions, config *tls.Config) {
	s.config, s.seen, s.reported = s.options.Watch(config), seen, ""
	s.next = s.options.now().Add(checkEvery)
	for _, c := range config.Certificates {
		if c.Leaf != nil {
			s.options.Expires(c.Leaf.NotAfter)
		}
	}
}

// versions are those of the files of a Source, in the same order.
type versions []os.FileInfo

// look returns the versions of the files. It follows symbolic links, such as those by which
// Kubernetes replaces the files of a Secret.
func (s *Source) look() (versions, error) {
	var seen versions
	for _, file := range s.files {
		info, err := os.Stat(file)
		if err != nil {
			return nil, err
		}
		seen = append(seen, info)
	}
	return seen, nil
}

// pair returns the certificate with its key.
func pair(cert, key string) (tls.Certificate, error) {
	certPEM, err := boundedfile.ReadRegular(cert, maxFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cert_file: %w", err)
	}
	keyPEM, err := boundedfile.ReadRegular(key, maxFile)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("key_file: %w", err)
	}
	if encrypted(keyPEM) {
		return tls.Certificate{}, fmt.Errorf("key_file: %s is encrypted with a passphrase, which the router does not ask for; write it without one, such as with openssl pkey -in %s -out NEW, readable for the router only", key, key)
	}
	c, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("cert_file and key_file: %s and %s: %w", cert, key, withoutPrefix(err))
	}
	return c, nil
}

// encrypted reports whether a private key in PEM format is encrypted.
func encrypted(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
			return true
		}
	}
	return false
}

// Validity returns the period in which the first certificate of a file is valid.
func Validity(cert string) (from, to time.Time, err error) {
	text, err := boundedfile.ReadRegular(cert, maxFile)
	if err != nil {
		return from, to, err
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return from, to, fmt.Errorf("%s: %w", cert, err)
			}
			return c.NotBefore, c.NotAfter, nil
		}
	}
	return from, to, fmt.Errorf("%s has no certificate in PEM format", cert)
}

// authorities returns the certificate authorities in a file. key is its key in the
// configuration.
func authorities(key, file string) (*x509.CertPool, error) {
	text, err := boundedfile.ReadRegular(file, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: %s has no certificate in PEM format", key, file)
	}
	return pool, nil
}

// withoutPrefix removes the package from an error of crypto/tls.
func withoutPrefix(err error) error {
	return errors.New(strings.TrimPrefix(err.Error(), "tls: "))
}
