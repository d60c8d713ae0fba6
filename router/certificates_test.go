package router_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
	"souk/router/internal/redistest"
)

// The router exports when the certificates of its TLS connections expire: those that a
// subgraph and Redis present, and its own.
func TestExpiryOfCertificatesIsExported(t *testing.T) {
	t.Parallel()
	certificates := redistest.NewCertificates(t) // valid for an hour
	server := redistest.Start(t, redistest.Options{TLS: certificates, Password: password})
	s := newStore(t, cached(config.Redis{
		Addresses: []string{server.Addr}, Username: "default", Password: password,
		TLS: config.RedisTLS{Enabled: true, CAFile: certificates.CA, CertFile: certificates.Cert, KeyFile: certificates.Key},
	}))
	s.keeps(t, server.Client)
	admin := httptest.NewServer(s.Admin())
	defer admin.Close()
	response, err := http.Get(admin.URL + "/metrics") //nolint:noctx // bounded by the test
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, owner := range []string{"server", "client"} {
		found := regexp.MustCompile(`(?m)^souk_router_certificate_expiry_timestamp_seconds\{kind="redis",name="response_cache",owner="` + owner + `"\} (\S+)$`).FindSubmatch(text)
		if found == nil {
			t.Errorf("there is no expiry of the %s's certificate", owner)
			continue
		}
		at, err := strconv.ParseFloat(string(found[1]), 64)
		if left := time.Until(time.Unix(int64(at), 0)); err != nil || left <= 0 || left > time.Hour {
			t.Errorf("the certificate of the %s expires in %s, err %v", owner, left, err)
		}
	}
	if strings.Contains(string(text), `certificate_expiry_timestamp_seconds{kind="subgraph"`) {
		t.Error("there is an expiry of a subgraph without TLS")
	}
}
