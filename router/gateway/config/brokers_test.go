package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// Credentials that would not be used, and sources that contradict each other, are errors with their
// keys and positions. Files are read when the router starts.
func TestBrokersAndCanariesAreChecked(t *testing.T) {
	const kafka = "event_sources:\n  providers:\n    shop:\n      kind: kafka\n      kafka:\n        brokers: [localhost:9092]\n"
	for text, want := range map[string]string{
		kafka + "        sasl: {username: souk, password: secret}\n":                                                                                 "event_sources.providers.shop.kafka.sasl has a user without a mechanism",
		kafka + "        sasl: {mechanism: PLAIN}\n":                                                                                                 "event_sources.providers.shop.kafka.sasl has a mechanism without a username",
		"canary:\n  supergraph: next.graphql\n  remote:\n    url: https://graphs.example/next\n":                                                     "canary.remote.url and canary.supergraph cannot both be set",
		"canary:\n  remote:\n    plain_http: true\n":                                                                                                 "canary.remote needs canary.remote.url",
		"supergraph:\n  remote: {url: https://graphs.example/a, cache_file: a}\ncanary:\n  remote: {url: https://graphs.example/b, cache_file: a}\n": "canary.remote.cache_file is that of supergraph.remote",
	} {
		if _, err := config.Parse([]byte(text), noVariables); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %s", text, err, want)
		}
	}
	gone := filepath.Join(t.TempDir(), "gone")
	c := config.Default()
	c.EventSources.Providers = map[string]config.EventProvider{
		"a": {Kind: "nats", NATS: config.NATSEvents{CredentialsFile: gone}},
		"b": {Kind: "kafka", Kafka: config.KafkaEvents{TLS: config.BrokerTLS{CAFile: gone}}},
	}
	err := c.CheckFiles(nil)
	if err == nil {
		t.Fatal("files that do not exist are accepted")
	}
	for _, want := range []string{"event_sources.providers.a.nats.credentials_file: ", "event_sources.providers.b.kafka.tls.ca_file: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %s", err, want)
		}
	}
}

func noVariables(string) (string, bool) { return "", false }
