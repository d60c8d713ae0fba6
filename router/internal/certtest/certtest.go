// Package certtest issues TLS certificates for tests.
package certtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority is a certificate authority.
type Authority struct {
	// File is its certificate as a PEM file.
	File string

	template *x509.Certificate
	key      *ecdsa.PrivateKey
}

// Files are the PEM files of a certificate.
type Files struct{ Cert, Key string }

// New returns an authority whose files live as long as the test.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{File: filepath.Join(t.TempDir(), "ca.pem"), key: newKey(t), template: template("test authority")}
	a.template.IsCA, a.template.BasicConstraintsValid, a.template.KeyUsage = true, true, x509.KeyUsageCertSign
	write(t, a.File, "CERTIFICATE", a.sign(t, a.template, a.key))
	return a
}

// Issue writes a certificate for 127.0.0.1 and localhost with a common name, and its key, into
// a directory. It replaces those that are there.
func (a *Authority) Issue(t testing.TB, dir, name string) Files {
	t.Helper()
	key, c := newKey(t), template(name)
	c.IPAddresses, c.DNSNames, c.KeyUsage = []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"}, x509.KeyUsageDigitalSignature
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := Files{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	write(t, f.Cert, "CERTIFICATE", a.sign(t, c, key))
	write(t, f.Key, "EC PRIVATE KEY", encoded)
	return f
}

// Pool returns the authority as the only one to trust.
func (a *Authority) Pool(t testing.TB) *x509.CertPool {
	t.Helper()
	pem, err := os.ReadFile(a.File)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

func (a *Authority) sign(t testing.TB, c *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, c, a.template, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(time.Now().UnixNano()),
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func write(t testing.TB, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
