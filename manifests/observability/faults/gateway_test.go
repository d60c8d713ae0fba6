package faults

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/relabel"
	"go.yaml.in/yaml/v2"

	"souk/internal/loopback/loopbacktest"
)

// A real Envoy with a certificate from a Secret, as Istio's gateway has it, exports when the
// certificate expires if docs/istio.yaml says so, and the alert sees it. The certificate of the
// mesh, which ends within a day and is renewed in time, raises nothing.
func TestCertificateOfTheGatewayIsWatched(t *testing.T) {
	envoy := envoy(t)
	metrics := startGateway(t, envoy, time.Now().AddDate(0, 0, 10), time.Now().Add(20*time.Hour))
	if text, err := metrics(t.Context()); err != nil || !strings.Contains(text, "envoy_listener_ssl_certificate_kubernetes___souk_tls_expiration_unix_time_seconds") {
		t.Fatalf("Envoy exports no expiry: %v\n%s", err, text)
	}
	p := startPrometheus(t)
	read := func(ctx context.Context) string { text, _ := metrics(ctx); return text }
	for range 25 {
		p.turn([]target{{app: "istio-ingressgateway", read: read, relabel: relabelling(t, "mesh")}})
	}
	fired := slices.DeleteFunc(p.firing(), func(alert string) bool { return strings.HasPrefix(alert, "TargetDown") }) // nothing else runs
	if !slices.Equal(fired, []string{"CertificateExpires istio-ingressgateway"}) {
		t.Errorf("got alerts %q", fired)
	}
}

// relabelling returns the rules for the metrics of a job in the manifests.
func relabelling(t *testing.T, job string) []*relabel.Config {
	t.Helper()
	text, err := os.ReadFile("../config/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Jobs []struct {
			Name    string            `yaml:"job_name"`
			Relabel []*relabel.Config `yaml:"metric_relabel_configs"`
		} `yaml:"scrape_configs"`
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Jobs {
		if s.Name != job {
			continue
		}
		for _, r := range s.Relabel {
			if err := r.Validate(model.UTF8Validation); err != nil {
				t.Fatal(err)
			}
		}
		return s.Relabel
	}
	t.Fatalf("there is no job %s", job)
	return nil
}

// relabelled returns a series as Prometheus stores it.
func relabelled(series labels.Labels, rules []*relabel.Config) labels.Labels {
	b := labels.NewBuilder(series)
	relabel.ProcessBuilder(b, rules...)
	return b.Labels()
}

func envoy(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("ENVOY"); path != "" {
		return path
	}
	if cache, err := os.UserCacheDir(); err == nil {
		if path, err := exec.LookPath(filepath.Join(cache, "souk", "envoy")); err == nil {
			return path
		}
	}
	t.Skip("envoy not found: make envoy, or set ENVOY to its path")
	return ""
}

// startGateway starts an Envoy whose listener has the certificate of the Secret souk-tls, and
// whose upstream connections have that of the mesh. As in Istio's bootstrap, only some
// statistics are kept, and of the tags only the listener's address.
func startGateway(t *testing.T, envoy string, shop, mesh time.Time) (metrics func(context.Context) (string, error)) {
	t.Helper()
	addresses := make([][2]string, 2)
	for i := range addresses {
		address := loopbacktest.Address(t)
		host, port, _ := strings.Cut(address, ":")
		addresses[i] = [2]string{host, port}
	}
	dir := t.TempDir()
	secrets := map[string]string{}
	for name, expires := range map[string]time.Time{"kubernetes://souk-tls": shop, "default": mesh} {
		files, err := os.MkdirTemp(dir, "secret")
		if err != nil {
			t.Fatal(err)
		}
		writeCertificate(t, files, expires)
		secrets[name] = filepath.Join(files, "sds.yaml")
		write(t, secrets[name], fmt.Sprintf(`resources: [{"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret, name: %q,
  tls_certificate: {certificate_chain: {filename: %q}, private_key: {filename: %q}}}]`, name, filepath.Join(files, "cert.pem"), filepath.Join(files, "key.pem")))
	}
	tls := func(kind, secret string) string {
		return fmt.Sprintf(`{name: tls, typed_config: {"@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.%sTlsContext,
      common_tls_context: {tls_certificate_sds_secret_configs: [{name: %q, sds_config: {path_config_source: {path: %q}}}]}}}`, kind, secret, secrets[secret])
	}
	file := filepath.Join(dir, "envoy.yaml")
	write(t, file, fmt.Sprintf(`node: {id: gateway, cluster: gateway}
admin: {address: {socket_address: {address: %s, port_value: %s}}}
stats_config:
  use_all_default_tags: false
  stats_tags: [{tag_name: listener_address, regex: '^listener\.(((?:[_.[:digit:]]*|[_\[\]aAbBcCdDeEfF[:digit:]]*))\.)'}]
  stats_matcher: {inclusion_list: {patterns: [{safe_regex: {regex: %q}}]}}
static_resources:
  listeners:
    - name: https
      address: {socket_address: {address: %s, port_value: %s}}
      filter_chains:
        - transport_socket: %s
          filters: [{name: tcp, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: tcp, cluster: router}}]
  clusters:
    - name: router
      type: STATIC
      load_assignment: {cluster_name: router}
      transport_socket: %s
`, addresses[0][0], addresses[0][1], included(t), addresses[1][0], addresses[1][1], tls("Downstream", "kubernetes://souk-tls"), tls("Upstream", "default")))
	process := exec.Command(envoy, "-c", file, "--use-dynamic-base-id", "--log-level", "error")
	var log strings.Builder
	process.Stdout, process.Stderr = &log, &log
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = process.Process.Kill() // an error means that it has ended
		_ = process.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	metrics = func(ctx context.Context) (string, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+strings.Join(addresses[0][:], ":")+"/stats/prometheus", http.NoBody)
		if err != nil {
			return "", err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return string(text), err
	}
	eventually(t, "Envoy has its certificates", func() bool {
		text, err := metrics(t.Context())
		return err == nil && strings.Contains(text, "expiration_unix_time_seconds")
	})
	return metrics
}

// included returns the statistics that docs/istio.yaml lets Istio's proxies keep, which
// docs/istio-ambient.yaml does, too.
func included(t *testing.T) string {
	t.Helper()
	var found []string
	for _, file := range []string{"istio.yaml", "istio-ambient.yaml"} {
		text, err := os.ReadFile(filepath.Join("../../../docs", file))
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`inclusionRegexps: \['(.+)'\]`).FindStringSubmatch(string(text))
		if m == nil {
			t.Fatalf("%s keeps no statistics", file)
		}
		found = append(found, m[1])
	}
	if found[0] != found[1] {
		t.Errorf("the files differ: %q", found)
	}
	return found[0]
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
