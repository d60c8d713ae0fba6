package redisurl_test

import (
	"slices"
	"testing"
	"time"

	"souk/internal/redisurl"
)

func TestParse(t *testing.T) {
	o, err := redisurl.ParsePrimary("redis://:other@one:26379?addr=two:26379&master_name=souk&password=secret&read_timeout=7s")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Addrs, []string{"one:26379", "two:26379"}) || o.MasterName != "souk" || o.Password != "secret" || o.SentinelPassword != "other" || o.ReadTimeout != 7*time.Second {
		t.Errorf("got %+v", o)
	}
	if _, err := redisurl.ParsePrimary("redis://one:6379?addr=two:6379"); err == nil {
		t.Error("a Redis Cluster is accepted where one primary is needed")
	}
	if o, err := redisurl.Parse("redis://one:6379?addr=two:6379"); err != nil || !o.IsClusterMode {
		t.Errorf("got %+v, %v, want a cluster", o, err)
	}
	for _, wrong := range []string{"http://one", "redis://", "redis://a%zz"} {
		if _, err := redisurl.Parse(wrong); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}
}
