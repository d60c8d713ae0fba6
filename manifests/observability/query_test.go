package observability_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// elsewhere are metrics of programs that do not run in this test: Istio's proxies,
// redis_exporter, postgres_exporter, also with the query of 06-order-service.yaml, the
// instances of CloudNativePG, the kubelet, Prometheus and Alertmanager.
var elsewhere = []string{
	"istio_requests_total", "istio_request_duration_milliseconds_bucket", "istio_request_bytes_sum", "istio_response_bytes_sum",
	"istio_tcp_received_bytes_total", "istio_tcp_sent_bytes_total",
	"up", "redis_up", "redis_master_link_up", "redis_connected_slaves", "redis_errors_total", "redis_memory_used_bytes", "redis_memory_max_bytes", "redis_connected_clients", "redis_commands_processed_total",
	"redis_commands_total", "redis_db_keys", "redis_keyspace_hits_total", "redis_keyspace_misses_total", "redis_expired_keys_total", "redis_evicted_keys_total",
	"pg_up", "pg_stat_activity_count", "pg_stat_activity_max_tx_duration", "pg_settings_max_connections", "pg_stat_database_xact_commit", "pg_stat_database_xact_rollback",
	"pg_database_size_bytes", "pg_stat_database_blks_hit", "pg_stat_database_blks_read", "pg_stat_database_deadlocks",
	"cnpg_collector_up", "cnpg_collector_last_available_backup_timestamp", "cnpg_collector_last_failed_backup_timestamp", "cnpg_collector_pg_wal",
	"cnpg_pg_stat_archiver_last_failed_time", "cnpg_pg_stat_archiver_last_archived_time", "cnpg_pg_replication_in_recovery", "cnpg_pg_replication_lag",
	"cnpg_pg_replication_streaming_replicas", "cnpg_backends_total", "cnpg_backends_max_tx_duration_seconds", "cnpg_pg_settings_setting", "cnpg_pg_database_size_bytes",
	"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes", "kubelet_volume_stats_inodes", "kubelet_volume_stats_inodes_free",
	"prometheus_rule_evaluation_failures_total", "prometheus_config_last_reload_successful",
	"alertmanager_notifications_failed_total", "alertmanager_config_last_reload_successful",
	"souk_backup_last_timestamp_seconds", "souk_gateway_certificate_expiry_timestamp_seconds",
}

// unseen are metrics of the store that have no series until they first count.
var unseen = []string{
	"souk_router_certificate_expiry_timestamp_seconds",
}

// documented returns the queries in the guides, one per line.
func documented(t *testing.T) (expressions []string) {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range strings.Split(string(text), "```promql\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			expressions = append(expressions, strings.Split(strings.TrimSpace(block), "\n")...)
		}
	}
	if len(expressions) == 0 {
		t.Error("found no query in the guides")
	}
	return expressions
}

// queries returns all expressions of dashboards, rules and guides, and the names of the
// recording rules.
func queries(t *testing.T) (expressions, recorded []string) {
	t.Helper()
	expressions = documented(t)
	files, err := filepath.Glob("dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("there are no dashboards", err)
	}
	for _, file := range files {
		var dashboard struct {
			UID    string
			Panels []struct {
				Title   string
				Targets []struct{ Expr string }
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &dashboard); err != nil || dashboard.UID != strings.TrimSuffix(filepath.Base(file), ".json") {
			t.Fatalf("%s: uid %q: %v", file, dashboard.UID, err)
		}
		for _, panel := range dashboard.Panels {
			if panel.Title == "" || len(panel.Targets) == 0 {
				t.Errorf("%s: panel %q shows nothing", file, panel.Title)
			}
			for _, target := range panel.Targets {
				expressions = append(expressions, target.Expr)
			}
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Record, Expr string }
		}
	}
	text, err := os.ReadFile("rules/souk.yml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			expressions = append(expressions, rule.Expr)
			if rule.Record != "" {
				recorded = append(recorded, rule.Record)
			}
		}
	}
	return expressions, recorded
}

var (
	beside = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]|"[^"]*"|\b(by|on|without|ignoring) \([^)]*\)|\boffset \w+`)
	word   = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?`)
)

// names returns the metrics in an expression.
func names(expression string) (found []string) {
	for _, w := range word.FindAllString(beside.ReplaceAllString(expression, " "), -1) {
		name := strings.TrimSpace(w)
		if strings.HasSuffix(name, "(") || slices.Contains([]string{"or", "and", "unless", "by", "on"}, name) {
			continue
		}
		found = append(found, name)
	}
	return found
}

func TestMetricNamesAreFoundInQueries(t *testing.T) {
	got := names(`sum by (app, le) (rate(a_total{x="b_total"}[5m])) / on () c:d or 0 * vector(0) > 14.4 * e`)
	if want := []string{"a_total", "c:d", "e"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// checkQueries has Prometheus parse every query and checks that each metric exists.
func checkQueries(t *testing.T, prometheus string) {
	expressions, recorded := queries(t)
	for _, expression := range expressions {
		if !get(t.Context(), prometheus+"/api/v1/format_query?query="+url.QueryEscape(expression), new(any)) {
			t.Errorf("Prometheus cannot parse %s", expression)
		}
	}
	var unknown []string
	eventually(t, 20*time.Second, "every metric is there", func() bool {
		var answer struct{ Data []string }
		get(t.Context(), prometheus+"/api/v1/label/__name__/values", &answer)
		known := slices.Concat(answer.Data, recorded, elsewhere, unseen)
		unknown = nil
		for _, expression := range expressions {
			for _, name := range names(expression) {
				if !slices.Contains(known, name) {
					unknown = append(unknown, name)
				}
			}
		}
		return len(unknown) == 0
	})
	if unknown != nil {
		t.Errorf("no program exports %q", unknown)
	}
}
