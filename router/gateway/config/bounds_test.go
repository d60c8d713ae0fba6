package config_test

import (
	"strings"
	"testing"
	"time"

	"souk/router/gateway/config"
)

// A lower bound above the upper one is an error at the place of the one to change, if both are given.
func TestContradictoryBoundsAreErrors(t *testing.T) {
	for text, want := range map[string]string{
		"traffic_shaping: {all: {adaptive_limit: {min: 5, max: 2}}}":                                         `1:55: traffic_shaping.all.adaptive_limit.max is 2, less than traffic_shaping.all.adaptive_limit.min, which is 5; set it to 5 or more, or change traffic_shaping.all.adaptive_limit.min`,
		"traffic_shaping: {router: {adaptive_limit: {min: 10, max: 9}}}":                                     `1:59: traffic_shaping.router.adaptive_limit.max is 9, less than`,
		"traffic_shaping: {all: {adaptive_limit: {initial: 3, max: 2}}}":                                     `1:51: traffic_shaping.all.adaptive_limit.initial is 3, more than traffic_shaping.all.adaptive_limit.max, which is 2; set it to 2 or less`,
		"traffic_shaping: {all: {adaptive_limit: {min: 5, initial: 3}}}":                                     `1:59: traffic_shaping.all.adaptive_limit.initial is 3, less than traffic_shaping.all.adaptive_limit.min, which is 5`,
		"traffic_shaping: {subgraphs: {a: {adaptive_limit: {min: 3, max: 2}}}}":                              `1:65: traffic_shaping.subgraphs.a.adaptive_limit.max is 2, less than traffic_shaping.subgraphs.a.adaptive_limit.min, which is 3`,
		"traffic_shaping: {all: {adaptive_limit: {min: 3}}, subgraphs: {a: {adaptive_limit: {max: 2}}}}":     `1:90: traffic_shaping.subgraphs.a.adaptive_limit.max is 2, less than traffic_shaping.all.adaptive_limit.min, which is 3`,
		"traffic_shaping: {all: {adaptive_limit: {max: 3}}, subgraphs: {a: {adaptive_limit: {min: 4}}}}":     `1:90: traffic_shaping.subgraphs.a.adaptive_limit.min is 4, more than traffic_shaping.all.adaptive_limit.max, which is 3`,
		"traffic_shaping: {all: {adaptive_limit: {initial: 3}}, subgraphs: {a: {adaptive_limit: {max: 2}}}}": `1:94: traffic_shaping.subgraphs.a.adaptive_limit.max is 2, less than traffic_shaping.all.adaptive_limit.initial, which is 3`,
		"traffic_shaping: {all: {adaptive_limit: {max: 3, min: 4}}, subgraphs: {a: {timeout: 1s}}}":          `1:47: traffic_shaping.all.adaptive_limit.max is 3`,
		"subscriptions: {all: {interval: 2s, max_interval: 1s}}":                                             `1:51: subscriptions.all.max_interval is 1s, less than subscriptions.all.interval, which is 2s`,
		"subscriptions: {all: {max_interval: 1s}, subgraphs: {a: {interval: 2s}}}":                           `1:68: subscriptions.subgraphs.a.interval is 2s, more than subscriptions.all.max_interval, which is 1s`,
		"event_sources: {interval: 2s, max_interval: 1s}":                                                    `1:45: event_sources.max_interval is 1s, less than event_sources.interval, which is 2s`,
		"telemetry: {usage_export: {interval: 2h, rotate: 1h}}":                                              `1:50: telemetry.usage_export.rotate is 1h0m0s, less than`,
		"file_uploads: {max_file_bytes: 20, max_total_bytes: 10}":                                            `1:53: file_uploads.max_total_bytes is 10, less than file_uploads.max_file_bytes, which is 20`,
		"idempotency: {max_response_bytes: 20, max_bytes: 10}":                                               `1:50: idempotency.max_bytes is 10, less than idempotency.max_response_bytes, which is 20`,
	} {
		_, err := config.Parse([]byte(text), environment)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: more than one problem:\n%v", text, err)
		}
	}
}

// A bound that is only a default gives way to those that are given.
func TestDefaultsFollowBounds(t *testing.T) {
	limit := func(least, initial, most int) func(config.AdaptiveLimit) bool {
		return func(a config.AdaptiveLimit) bool { return a.Min == least && a.Initial == initial && a.Max == most }
	}
	a := func(c config.Config) config.AdaptiveLimit { return c.TrafficShaping.Of("a").AdaptiveLimit }
	for text, fits := range map[string]func(config.Config) bool{
		"traffic_shaping: {all: {adaptive_limit: {max: 2}}}":                                                    func(c config.Config) bool { return limit(2, 2, 2)(a(c)) },
		"traffic_shaping: {all: {adaptive_limit: {max: 20}}}":                                                   func(c config.Config) bool { return limit(5, 20, 20)(a(c)) },
		"traffic_shaping: {all: {adaptive_limit: {min: 2000}}}":                                                 func(c config.Config) bool { return limit(2000, 2000, 2000)(a(c)) },
		"traffic_shaping: {all: {adaptive_limit: {initial: 3}}}":                                                func(c config.Config) bool { return limit(3, 3, 1000)(a(c)) },
		"traffic_shaping: {all: {adaptive_limit: {max: 2, min: 1}}}":                                            func(c config.Config) bool { return limit(1, 2, 2)(a(c)) },
		"traffic_shaping: {all: {adaptive_limit: {min: ~, max: 2}}}":                                            func(c config.Config) bool { return limit(2, 2, 2)(a(c)) },
		"traffic_shaping: {subgraphs: {a: {adaptive_limit: {max: 2}}}}":                                         func(c config.Config) bool { return limit(2, 2, 2)(a(c)) },
		"traffic_shaping: {all: {adaptive_limit: {max: 2}}, subgraphs: {a: {adaptive_limit: {max: 1}}}}":        func(c config.Config) bool { return limit(1, 1, 1)(a(c)) },
		"traffic_shaping: {all: {adaptive_limit: {max: 2}}, subgraphs: {a: {adaptive_limit: {max: 7}}}}":        func(c config.Config) bool { return limit(5, 7, 7)(a(c)) },
		"traffic_shaping: {all: {adaptive_limit: {min: 1, max: 2, initial: 1}}, subgraphs: {a: {timeout: 1s}}}": func(c config.Config) bool { return limit(1, 1, 2)(a(c)) },
		"traffic_shaping: {router: {adaptive_limit: {max: 2}}}":                                                 func(c config.Config) bool { return limit(2, 2, 2)(c.TrafficShaping.Router.AdaptiveLimit) },
		"subscriptions: {all: {max_interval: 100ms}}":                                                           func(c config.Config) bool { return c.Subscriptions.Of("a").Interval == 100*time.Millisecond },
		"subscriptions: {subgraphs: {a: {interval: 1m}}}":                                                       func(c config.Config) bool { return c.Subscriptions.Of("a").MaxInterval == time.Minute },
		"event_sources: {max_interval: 100ms}":                                                                  func(c config.Config) bool { return c.EventSources.Interval == 100*time.Millisecond },
		"telemetry: {usage_export: {interval: 48h}}":                                                            func(c config.Config) bool { return c.Telemetry.UsageExport.Rotate == 48*time.Hour },
		"file_uploads: {max_total_bytes: 10}":                                                                   func(c config.Config) bool { return c.FileUploads.MaxFileBytes == 10 },
		"idempotency: {max_bytes: 10}":                                                                          func(c config.Config) bool { return c.Idempotency.MaxResponseBytes == 10 },
		"{}":                                                                                                    func(c config.Config) bool { return limit(5, 50, 1000)(a(c)) && c.FileUploads.MaxFileBytes == 10<<20 },
	} {
		c, err := config.Parse([]byte(text), environment)
		if err == nil {
			err = c.Check(nil)
		}
		if err != nil || !fits(c.Settled()) {
			t.Errorf("%s: got %v, %+v, %+v", text, err, c.Settled().TrafficShaping.Of("a").AdaptiveLimit, c.Settled().Subscriptions.Of("a"))
		}
	}
}
