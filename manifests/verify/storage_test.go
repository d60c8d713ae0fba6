package verify

import (
	"path/filepath"
	"testing"
)

// Every volume holds what its program may write.
func TestVolumesAreLargeEnough(t *testing.T) {
	if err := read(t).checkStorage(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"samples":      {file: "11", old: "retention.size=18GB", new: "retention.size=180GB", said: "prometheus: its volume has 20Gi, and needs 200Gi"},
		"no size":      {file: "11", old: "            - --storage.tsdb.retention.size=18GB\n", said: "so it may fill its volume"},
		"disk":         {file: "11", old: "storage: 20Gi", new: "storage: 18Gi", said: "prometheus: its volume has 18Gi"},
		"silences":     {file: "11", old: "storage: 1Gi", new: "storage: 1Mi", said: "alertmanager: its volume has 1Mi"},
		"backups":      {file: "13", old: "storage: 20Gi", new: "storage: 20Mi", said: "backup: its volume has 20Mi, and needs 16Gi"},
		"more backups": {file: "13", old: `KEEP, value: "14"`, new: `KEEP, value: "30"`, said: "backup: its volume has 20Gi, and needs 32Gi"},
		"Redis":        {file: "02", old: "storage: 4Gi", new: "storage: 4Mi", said: "redis: its volume has 4Mi, and needs 3Gi"},
		"events":       {file: "02", old: "maxmemory 768mb", new: "maxmemory 1100mb", said: "redis: its volume has 4Gi"},
		"database":     {file: "05", old: "storage: 8Gi", new: "storage: 8Mi", said: "inventory-postgres: its volume has 8Mi, and needs 2Gi"},
		"unknown":      {file: "13", old: "kind: PersistentVolumeClaim\nmetadata:\n  name: backup", new: "kind: PersistentVolumeClaim\nmetadata:\n  name: dumps", said: "no check knows what is written to the volume dumps"},
	} {
		wrong.noticed(t, name, wrong.read(t).checkStorage())
	}
	for component, wrong := range map[string]fault{
		"redis-sentinel": {file: "redis", old: "storage: 4Gi", new: "storage: 3Gi", said: "redis-server: its volume has 3Gi, and needs 3840Mi"},
		"cloudnative-pg": {file: "clusters", old: "size: 8Gi", new: "size: 8Mi", said: "user-postgres: its volume has 8Mi"},
	} {
		for _, changes := range [][]Change{nil, {{File: wrong.file, Old: wrong.old, New: wrong.new}}} {
			own, err := Read(filepath.Join(dir, "components", component), changes...)
			if err != nil {
				t.Fatal(err)
			}
			if err = own.checkStorage(); changes != nil {
				wrong.noticed(t, component, err)
			} else if err != nil {
				t.Errorf("%s: %v", component, err)
			}
		}
	}
}

// The databases lose nothing that is committed, and let nobody in without a password.
func TestDatabasesHaveHarmlessSettings(t *testing.T) {
	if err := read(t).checkSettings(); err != nil {
		t.Fatal(err)
	}
	const arguments = "args: [-c, max_connections=200"
	for name, wrong := range map[string]fault{
		"unsynced":     {file: "03", old: arguments, new: arguments + ", -c, fsync=off", said: "user-postgres has fsync=off"},
		"asynchronous": {file: "04", old: arguments, new: arguments + ", -c, synchronous_commit=off", said: "product-postgres has synchronous_commit=off"},
		"torn pages":   {file: "06-o", old: arguments, new: arguments + ", -c, full_page_writes=off", said: "order-postgres has full_page_writes=off"},
		"vacuum":       {file: "07", old: arguments, new: arguments + ", -c, autovacuum=off", said: "notification-postgres has autovacuum=off"},
		"flag":         {file: "03", old: arguments, new: "args: [-F, -c, max_connections=200", said: "its argument -F is not"},
		"long flag":    {file: "03", old: arguments, new: "args: [--fsync=off, -c, max_connections=200", said: "its argument --fsync=off is not"},
		"one of them":  {file: "04", old: arguments, new: arguments + ", -c, work_mem=64MB", said: "product-postgres has the settings map[work_mem:64MB], and others have map[]"},
		"no sync":      {file: "03", old: "{name: PGDATA,", new: "{name: POSTGRES_INITDB_ARGS, value: --no-sync}\n            - {name: PGDATA,", said: "no check knows its variable POSTGRES_INITDB_ARGS"},
		"trust":        {file: "01-s", old: "  POSTGRES_USER: order\n", new: "  POSTGRES_USER: order\n  POSTGRES_HOST_AUTH_METHOD: trust\n", said: "order-postgres: no check knows its variable POSTGRES_HOST_AUTH_METHOD"},
		"command":      {file: "06-p", old: "args: [-c, max_connections=100]", new: "command: [postgres, -F]", said: "payment-postgres: it runs"},
	} {
		wrong.noticed(t, name, wrong.read(t).checkSettings())
	}
	component := filepath.Join(dir, "components", "cloudnative-pg")
	wrong := fault{old: `parameters: {max_connections: "200"}`, new: `parameters: {max_connections: "200", fsync: "off"}`, said: "order-postgres has fsync=off"}
	for _, changes := range [][]Change{nil, {{File: "clusters", Old: wrong.old, New: wrong.new}}} {
		own, err := Read(component, changes...)
		if err != nil {
			t.Fatal(err)
		}
		if err = own.checkSettings(); changes != nil {
			wrong.noticed(t, "cluster", err)
		} else if err != nil {
			t.Error(err)
		}
	}
}
