package config_test

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"souk/router/gateway/config"
)

// fill sets every string, including those in lists and maps, to a unique value
// and returns the values by key.
func fill(v reflect.Value, path string, values map[string]string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), path+"."+v.Type().Field(i).Tag.Get("yaml"), values)
		}
	case reflect.String:
		values[path] = fmt.Sprintf("value-%d-", len(values))
		v.SetString(values[path])
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), path, values)
	case reflect.Map:
		element := reflect.New(v.Type().Elem()).Elem()
		fill(element, path+".name", values)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("name"), element)
	}
}

func TestRedactedHidesOnlySecrets(t *testing.T) {
	var c config.Config
	values := map[string]string{}
	fill(reflect.ValueOf(&c).Elem(), "", values)
	text, err := c.Redacted()
	if err != nil {
		t.Fatal(err)
	}
	hidden := 0
	for path, value := range values {
		secret := strings.HasSuffix(path, "password") || strings.HasSuffix(path, ".secret") || strings.HasSuffix(path, ".token") || strings.Contains(path, ".set.") || strings.Contains(path, ".defaults.") || strings.Contains(path, "jwks.headers.") || strings.Contains(path, "remote.headers.")
		if secret {
			hidden++
		}
		if bytes.Contains(text, []byte(value)) == secret {
			t.Errorf("%s: shown = %t, secret = %t", path, !secret, secret)
		}
	}
	if hidden < 6 {
		t.Errorf("only %d secrets found", hidden)
	}
}

func TestRedactedHidesCredentialsInURLs(t *testing.T) {
	for url, want := range map[string]string{
		"redis://user:pa55@redis:6379/0":            "redis://(hidden)@redis:6379/0",
		"redis://redis:6379?password=pa55":          "redis://redis:6379?(hidden)",
		"https://issuer.example/keys?api_key=pa55":  "https://issuer.example/keys?(hidden)",
		"http://product:8080/graphql":               "http://product:8080/graphql",
		"redis://user:pa55%zz@redis":                "(hidden)",
		"unix:///run/redis.sock?password=pa55&db=1": "unix:///run/redis.sock?(hidden)",
	} {
		c := config.Default()
		c.ResponseCache.Redis.URL = url
		text, err := c.Redacted()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) || strings.Contains(string(text), "pa55") {
			t.Errorf("%s is not shown as %s", url, want)
		}
	}
}
