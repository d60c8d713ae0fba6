package config_test

import (
	"errors"
	"testing"

	"souk/router/gateway/config"
)

// FuzzParse parses arbitrary text: every problem has a line and a column.
func FuzzParse(f *testing.F) {
	f.Add([]byte("version: \"1\"\nlisten: 127.0.0.1:${env.PORT}\nlimits: {max_depth: 7}\n"))
	f.Add([]byte("version: \"1\"\ntraffic_shaping:\n  subgraphs:\n    a: {timeout: 2s, retry: {max_attempts: x}}\n"))
	f.Add([]byte("version: '2'\n---\nunknown: [${env.NAME:-a}]\n"))
	f.Add(config.Document())
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := config.Parse(data, environment)
		var placed *config.Error
		if err != nil && (!errors.As(err, &placed) || placed.Line < 1 || placed.Message == "") {
			t.Errorf("error without a position: %#v", err)
		}
	})
}
