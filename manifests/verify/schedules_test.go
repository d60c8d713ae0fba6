package verify

import (
	"path/filepath"
	"testing"
)

func TestBackupsAreMadeAndKept(t *testing.T) {
	if err := read(t).checkSchedules(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"kept":        {file: "13", old: `KEEP, value: "14"`, new: `KEEP, value: "1"`, said: "1 backups stay in the volume"},
		"none kept":   {file: "13", old: `{name: KEEP, value: "14"}`, new: `{name: KEPT, value: "14"}`, said: "0 backups stay"},
		"bucket":      {file: "13", old: "--keep=30", new: "--keep=3", said: "3 in the bucket"},
		"suspended":   {file: "13", old: "  schedule:", new: "  suspend: true\n  schedule:", said: "CronJob backup is suspended"},
		"load test":   {file: "12", old: "spec:\n  backoffLimit", new: "spec:\n  suspend: true\n  backoffLimit", said: "Job load-test is suspended"},
		"monthly":     {file: "13", old: `"17 2 * * *"`, new: `"17 2 1 * *"`, said: "is not a time of every day"},
		"never":       {file: "13", old: `"17 2 * * *"`, new: `"17 25 * * *"`, said: "is not a time of every day"},
		"zone":        {file: "13", old: "timeZone: Etc/UTC", new: "timeZone: America/Lima", said: "not in UTC"},
		"two at once": {file: "13", old: "concurrencyPolicy: Forbid", new: "concurrencyPolicy: Allow", said: "runs may meet (Allow)"},
		"late":        {file: "13", old: "startingDeadlineSeconds: 3600", new: "startingDeadlineSeconds: 10", said: "10 s late"},
		"log":         {file: "13", old: "failedJobsHistoryLimit: 3", new: "failedJobsHistoryLimit: 0", said: "why it failed"},
		"time":        {file: "13", old: "activeDeadlineSeconds: 7200", new: "activeDeadlineSeconds: 60", said: "between an hour and a day"},
		"retries":     {file: "13", old: "backoffLimit: 2", new: "backoffLimit: 0", said: "tried a few times"},
		"parallel":    {file: "13", old: "      backoffLimit: 2", new: "      parallelism: 2\n      backoffLimit: 2", said: "one after the other"},
		"order":       {file: "13", old: "value: order inventory", new: "value: inventory order", said: "order must be the first"},
	} {
		wrong.noticed(t, name, wrong.read(t).checkSchedules())
	}
}

// With CloudNativePG, backups stay as long as those of the CronJob.
func TestArchivesAreKept(t *testing.T) {
	keep, err := read(t).kept()
	if err != nil {
		t.Fatal(err)
	}
	component := filepath.Join(dir, "components", "cloudnative-pg")
	documents, err := Read(component)
	if err != nil {
		t.Fatal(err)
	}
	if err := documents.checkArchives(keep[0]); err != nil {
		t.Fatal(err)
	}
	if err := documents.checkSuspended(); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]fault{
		"retention": {file: "clusters", old: "retentionPolicy: 14d", new: "retentionPolicy: 1d", said: `Cluster order-postgres: its backups stay for "1d"; those of the CronJob stay for 14 days`},
		"no policy": {file: "clusters", old: "    retentionPolicy: 14d\n", said: `its backups stay for ""`},
		"endpoint":  {file: "clusters", old: "https://s3.example", new: "http://s3.example", said: "not over TLS"},
		"bucket":    {file: "clusters", old: "s3://souk-backups", new: "/tmp", said: "which is no bucket"},
		"superuser": {file: "clusters", old: "  instances: 2", new: "  instances: 2\n  enableSuperuserAccess: true", said: "superuser"},
		"weekly":    {file: "backups", old: `"0 22 2 * * *"`, new: `"0 22 2 * * 1"`, said: "is not a time of every day"},
		"order":     {file: "backups", old: `"0 22 2 * * *"`, new: `"0 10 2 * * *"`, said: "inventory-postgres is backed up before the orders"},
		"suspended": {file: "backups", old: "cluster: {name: user-postgres}", new: "cluster: {name: user-postgres}\n  suspend: true", said: "ScheduledBackup user-postgres is suspended"},
		"cluster":   {file: "backups", old: "cluster: {name: user-postgres}", new: "cluster: {name: order-postgres}", said: "Cluster user-postgres is not backed up"},
	} {
		changed, err := Read(component, Change{File: wrong.file, Old: wrong.old, New: wrong.new})
		if err != nil {
			t.Fatal(err)
		}
		if err = changed.checkSuspended(); err == nil {
			err = changed.checkArchives(keep[0])
		}
		wrong.noticed(t, name, err)
	}
}
