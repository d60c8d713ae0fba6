package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

// issued writes a certificate that is valid for an hour from a time, and its key.
func issued(t *testing.T, dir, name string, from time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{Subject: pkix.Name{CommonName: name}, SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: from.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{name + ".crt": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// The router starts with a certificate that is not valid now and with servers that are not verified,
// wherever the block stands, and warns.
func TestWarningsAboutTLS(t *testing.T) {
	dir := t.TempDir()
	issued(t, dir, "old", time.Now().Add(-48*time.Hour))
	issued(t, dir, "new", time.Now().Add(48*time.Hour))
	issued(t, dir, "good", time.Now().Add(-time.Minute))
	file := filepath.Join(dir, "router.yaml")
	text := strings.ReplaceAll(`tls: {cert_file: DIR/old.crt, key_file: DIR/old.key}
admin: {tls: {cert_file: DIR/good.crt, key_file: DIR/good.key}}
traffic_shaping: {subgraphs: {products: {tls: {cert_file: DIR/new.crt, key_file: DIR/new.key, insecure_skip_verify: true}}}}
redis: {url: "rediss://a:1", tls: {cert_file: DIR/old.crt, key_file: DIR/old.key, insecure_skip_verify: true}}
`, "DIR", dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, source, err := config.Read(file, none)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // once each
		if err := c.CheckFiles(source); err != nil {
			t.Fatal(err)
		}
	}
	got := source.Warnings().Error()
	for _, want := range []string{
		":1:18: tls.cert_file: the certificate in " + dir + "/old.crt has expired at ", "traffic_shaping.subgraphs.products.tls.cert_file: the certificate in " + dir + "/new.crt is not valid before ",
		"traffic_shaping.subgraphs.products.tls.insecure_skip_verify is true: any server can pose as this one", "redis.tls.cert_file: ", "redis.tls.insecure_skip_verify is true",
	} {
		if strings.Count(got, want) != 1 {
			t.Errorf("got\n%s\nwant once %s", got, want)
		}
	}
	if len(source.Warnings()) != 5 {
		t.Errorf("got %d warnings:\n%s", len(source.Warnings()), got)
	}
}

// An encrypted key is called that, with the way to decrypt it.
func TestEncryptedKeyIsNamed(t *testing.T) {
	dir := t.TempDir()
	issued(t, dir, "good", time.Now().Add(-time.Minute))
	for _, text := range []string{
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n",
	} {
		key := filepath.Join(dir, "encrypted.key")
		if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := config.Default()
		c.TLS.CertFile, c.TLS.KeyFile = filepath.Join(dir, "good.crt"), key
		if err := c.CheckFiles(nil); err == nil || !strings.Contains(err.Error(), "tls.key_file: "+key+" is encrypted with a passphrase") || !strings.Contains(err.Error(), "openssl pkey -in ") {
			t.Errorf("got %v", err)
		}
	}
}
