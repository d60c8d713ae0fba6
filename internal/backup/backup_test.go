package backup_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"souk/internal/backup"
	"souk/internal/backup/backuptest"
)

// write writes a backup of one dump to a directory.
func write(t *testing.T, dir, name, dump string) {
	t.Helper()
	at := filepath.Join(dir, name)
	lines := fmt.Sprintf("%x  order.dump\n", sha256.Sum256([]byte(dump)))
	if err := errors.Join(os.Mkdir(at, 0o700), os.WriteFile(filepath.Join(at, "order.dump"), []byte(dump), 0o600),
		os.WriteFile(filepath.Join(at, "SHA256SUMS"), []byte(lines), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, variables map[string]string) *backup.Bucket {
	t.Helper()
	b, err := backup.Open(lookup(variables))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func lookup(variables map[string]string) func(string) (string, bool) {
	return func(key string) (string, bool) {
		value, ok := variables[key]
		return value, ok
	}
}

const first, second, third = "2026-11-27T02-17-00.000Z", "2026-11-28T02-17-00.000Z", "2026-11-29T02-17-00.000Z"

// upload uploads a directory, and returns what it reports and what the bucket has then.
func upload(t *testing.T, b *backup.Bucket, dir string, keep int) (reported, names []string) {
	t.Helper()
	if err := b.Upload(t.Context(), dir, keep, func(format string, arguments ...any) { reported = append(reported, fmt.Sprintf(format, arguments...)) }); err != nil {
		t.Fatal(err)
	}
	names, err := b.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return reported, names
}

func TestUploadKeepsTheNewest(t *testing.T) {
	variables := backuptest.NewBucket(t)
	b, dir := open(t, variables), t.TempDir()
	write(t, dir, first, "1")
	write(t, dir, second, "2")
	if err := os.Mkdir(filepath.Join(dir, "partial"), 0o700); err != nil {
		t.Fatal(err)
	}
	if reported, names := upload(t, b, dir, 2); !slices.Equal(reported, []string{"uploaded " + first, "uploaded " + second}) || !slices.Equal(names, []string{first, second}) {
		t.Errorf("reported %v, and the bucket has %v", reported, names)
	}
	if reported, _ := upload(t, b, dir, 2); len(reported) > 0 {
		t.Errorf("a second upload reports %v", reported)
	}
	write(t, dir, third, "3")
	// The oldest one is still in the directory. It is not uploaded again.
	for range 2 {
		if _, names := upload(t, b, dir, 2); !slices.Equal(names, []string{second, third}) {
			t.Errorf("the bucket has %v", names)
		}
	}
	// A new directory, as after the loss of the volume, deletes nothing.
	empty := t.TempDir()
	if err := b.Upload(t.Context(), empty, 2, nil); err == nil || !strings.Contains(err.Error(), "no complete backup") {
		t.Errorf("an empty directory: %v", err)
	}
	if names, err := b.List(t.Context()); err != nil || len(names) != 2 {
		t.Errorf("the bucket has %v: %v", names, err)
	}
}

func TestDownloadIsCompared(t *testing.T) {
	variables := backuptest.NewBucket(t)
	b, dir := open(t, variables), t.TempDir()
	if _, err := b.Download(t.Context(), "", dir); err == nil || !strings.Contains(err.Error(), "no complete backup") {
		t.Errorf("an empty bucket: %v", err)
	}
	write(t, dir, first, "1")
	write(t, dir, second, "2")
	upload(t, b, dir, 9)
	for name, want := range map[string]string{"": "2", first: "1"} {
		to := t.TempDir()
		if _, err := b.Download(t.Context(), name, to); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(to, "order.dump")); err != nil || string(got) != want {
			t.Errorf("backup %q: got the dump %q: %v", name, got, err)
		}
	}
	if _, err := b.Download(t.Context(), third, t.TempDir()); err == nil || !strings.Contains(err.Error(), third+"; it has "+first) {
		t.Errorf("a backup that is not there: %v", err)
	}
	backuptest.Put(t, variables, second+"/order.dump", "3")
	if _, err := b.Download(t.Context(), "", t.TempDir()); err == nil || !strings.Contains(err.Error(), "order.dump is damaged") {
		t.Errorf("a damaged dump: %v", err)
	}
}

// A backup without SHA256SUMS, whose upload failed, is none, and the next run completes it.
func TestIncompleteBackupIsNone(t *testing.T) {
	variables := backuptest.NewBucket(t)
	b, dir := open(t, variables), t.TempDir()
	write(t, dir, first, "1")
	write(t, dir, second, "2")
	backuptest.Put(t, variables, second+"/order.dump", "half")
	if names, err := b.List(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("the bucket has %v: %v", names, err)
	}
	if _, names := upload(t, b, dir, 9); !slices.Equal(names, []string{first, second}) {
		t.Errorf("the bucket has %v", names)
	}
	if err := os.WriteFile(filepath.Join(dir, first, "order.dump"), []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
	other := maps.Clone(variables)
	other["BACKUP_URL"] += "/other"
	if err := open(t, other).Upload(t.Context(), dir, 9, nil); err == nil || !strings.Contains(err.Error(), "order.dump is damaged") {
		t.Errorf("a damaged dump is uploaded: %v", err)
	}
	if names, err := open(t, other).List(t.Context()); err != nil || len(names) != 0 {
		t.Errorf("the folder has %v: %v", names, err)
	}
}

func TestWrongVariables(t *testing.T) {
	good := backuptest.NewBucket(t)
	for change, want := range map[string]string{
		"BACKUP_URL=":                    "BACKUP_URL is not set",
		"BACKUP_URL=s3://bucket":         "BACKUP_URL is no address of a bucket",
		"BACKUP_URL=https://s3.example/": "BACKUP_URL is no address of a bucket",
		"AWS_SECRET_ACCESS_KEY=":         "AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set",
	} {
		variables := maps.Clone(good)
		key, value, _ := strings.Cut(change, "=")
		variables[key] = value
		if _, err := backup.Open(lookup(variables)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", change, err)
		}
	}
	missing := maps.Clone(good)
	missing["BACKUP_URL"] = strings.Replace(missing["BACKUP_URL"], "/backups/", "/missing/", 1)
	if _, err := open(t, missing).List(t.Context()); err == nil || !strings.Contains(err.Error(), "listing the bucket: ") {
		t.Errorf("a bucket that is not there: %v", err)
	}
}
