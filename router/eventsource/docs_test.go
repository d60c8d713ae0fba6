package eventsource_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"souk/router/compose"
	"souk/router/gateway/config"
)

// The example in docs/subscriptions.md does what it says.
func TestDocumentedExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/subscriptions.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(start string) string {
		t.Helper()
		match := regexp.MustCompile("(?s)```" + start + "\n(.*?)\n```").FindSubmatch(text)
		if match == nil {
			t.Fatalf("there is no block that begins with %s", start)
		}
		return string(match[1])
	}
	quoted := func(pattern string) []string {
		t.Helper()
		match := regexp.MustCompile(pattern).FindSubmatch(text)
		if match == nil {
			t.Fatalf("there is no text that matches %s", pattern)
		}
		var parts []string
		for _, part := range match[1:] {
			parts = append(parts, string(part))
		}
		return parts
	}
	documented, err := config.Parse([]byte(block(`yaml title="router.yaml"`)), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	provider := documented.EventSources.Providers["shop"]
	dir := t.TempDir()
	for _, name := range []string{"graphql orders.graphqls", "graphql order-events.graphqls", "yaml supergraph.yaml"} {
		language, file, _ := strings.Cut(name, " ")
		if err := os.WriteFile(filepath.Join(dir, file), []byte(block(language+` title="`+file+`"`)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	composition, err := compose.ReadConfig(filepath.Join(dir, "supergraph.yaml"), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	subgraphs, err := composition.Load(t.Context(), http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, options{
		subgraphs: subgraphs,
		configure: func(c *config.Config) {
			address := c.EventSources.Providers["shop"].Redis.URL
			if provider.Kind != "redis" || provider.Redis.URL != "redis://localhost:6379" {
				t.Errorf("the documented provider is %+v", provider)
			}
			provider.Redis.URL, provider.Redis.Timeout = address, c.EventSources.Providers["shop"].Redis.Timeout
			c.EventSources.Providers["shop"] = provider
		},
	})
	add := quoted(`redis-cli XADD (\S+) MAXLEN '~' 10000 '\*' (\S+) '(.*)'`)
	if err := s.redis.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: add[0], MaxLen: 10000, Approx: true, Values: []string{add[1], add[2]}}).Err(); err != nil {
		t.Fatal(err)
	}
	query := quoted(`-d '\{"query":"(.*)"\}'`)[0]
	want := block(`text title="response"`)
	m := s.subscribe(t, query, fromStart).next()
	got := "id: " + m.id + "\nevent: " + m.name + "\ndata: " + m.data
	if digits := regexp.MustCompile(`^id: \d+-\d+\n`); digits.ReplaceAllString(got, "") != digits.ReplaceAllString(want, "") || !digits.MatchString(got) || !digits.MatchString(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if strings.Count(string(text), "@eventStream(") < 2 {
		t.Error("the page has no example of a filter")
	}
}
