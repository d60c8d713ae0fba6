package config_test

import (
	"strings"
	"testing"

	"souk/router/gateway/config"
)

func TestOriginsMustHaveTheFormBrowsersSend(t *testing.T) {
	for origin, valid := range map[string]bool{
		"*": true, "https://shop.example": true, "HTTPS://Shop.Example": true, "http://localhost:3000": true, "http://[::1]:3000": true,
		"https://*.shop.example": true, "http://localhost:*": true, "chrome-extension://abcdef": true,
		"shop.example": false, "https://shop.example/": false, "https://shop.example/path": false, "https://shop.example:443": false,
		"http://shop.example:80": false, "https://shop.example*": false, "https://*": false, "https://shop.*.example": false,
		"*://shop.example": false, "https://*.shop.example:*": false, "https://user@shop.example": false, "https://": false, "": false, "null": false,
	} {
		_, err := config.Parse([]byte("cors:\n  allow_origins: ['"+origin+"']\n"), func(string) (string, bool) { return "", false })
		if (err == nil) != valid {
			t.Errorf("%q: got error %v", origin, err)
		}
		if err != nil && !strings.Contains(err.Error(), "cors.allow_origins") {
			t.Errorf("%q: the error does not name the key: %v", origin, err)
		}
	}
}
