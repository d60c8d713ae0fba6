package verify

import "testing"

func TestNamedFilesAreMounted(t *testing.T) {
	if err := checkFiles(read(t)); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"file of Redis":    {file: "02", old: "[redis-server, /etc/redis/redis.conf]", new: "[redis-server, /etc/redis/server.conf]", said: "name /etc/redis/server.conf, and the ConfigMap at /etc/redis has only cli.sh, redis.conf"},
		"key":              {file: "02", old: "  redis.conf: |", new: "  server.conf: |", said: "has only cli.sh, server.conf"},
		"router's file":    {file: "08", old: "/etc/souk/router/router.yaml", new: "/etc/souk/router.yaml", said: "name /etc/souk/router.yaml, which is in no volume"},
		"supergraph":       {file: "08", old: "file: /etc/souk/graph/supergraph.graphql", new: "file: /etc/souk/graph/graph.graphql", said: "router.yaml names /etc/souk/graph/graph.graphql"},
		"REST routes":      {file: "08", old: "mountPath: /etc/souk/rest", new: "mountPath: /etc/souk/routes", said: "name /etc/souk/rest, which is in no volume"},
		"Prometheus":       {file: "11", old: "--config.file=/etc/prometheus/prometheus.yml", new: "--config.file=/etc/prometheus/config.yml", said: "name /etc/prometheus/config.yml"},
		"data":             {file: "11", old: "--storage.tsdb.path=/prometheus", new: "--storage.tsdb.path=/tsdb", said: "name /tsdb, which is in no volume"},
		"rules":            {file: "11", old: "/etc/prometheus-rules/*.yml", new: "/etc/prometheus-rules/*.yaml", said: "prometheus.yml names /etc/prometheus-rules/*.yaml"},
		"the collector's":  {file: "11", old: "/etc/otelcol/collector.yaml", new: "/etc/otelcol/config.yaml", said: "name /etc/otelcol/config.yaml"},
		"Grafana's item":   {file: "11", old: "{key: datasources.yaml,", new: "{key: datasource.yaml,", said: "the volume provisioning-datasources has the item datasource.yaml"},
		"no item":          {file: "11", old: "items: [{key: datasources.yaml, path: datasources.yaml}]", new: "items: []", said: "the volume provisioning-datasources does not say which items"},
		"other item":       {file: "11", old: "items: [{key: datasources.yaml, path: datasources.yaml}]", new: "items: [{key: dashboards.yaml, path: dashboards.yaml}]", said: "mounts the ConfigMap grafana without datasources.yaml"},
		"script of k6":     {file: "12", old: "/scripts/mixed.js]", new: "/scripts/mix.js]", said: "name /scripts/mix.js"},
		"script of backup": {file: "13", old: "[sh, /etc/backup/backup.sh]", new: "[sh, /etc/backups/backup.sh]", said: "name /etc/backups/backup.sh, which is in no volume"},
	} {
		wrong.noticed(t, name, checkFiles(wrong.read(t)))
	}
}

func checkFiles(d Documents) error {
	pods, err := d.Pods()
	if err != nil {
		return err
	}
	return d.CheckFiles(pods)
}
