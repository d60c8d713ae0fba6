// Package backuptest runs a store of objects with the API of S3, for tests.
package backuptest

import (
	"context"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const key, secret = "key", "secret"

// NewBucket starts a server with an empty bucket, and returns the variables for souk backup.
func NewBucket(t *testing.T) map[string]string {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithoutVersioning()).Server())
	t.Cleanup(server.Close)
	variables := map[string]string{
		"BACKUP_URL": server.URL + "/backups/souk", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret,
	}
	if err := client(t, variables).MakeBucket(context.Background(), "backups", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	return variables
}

// Put writes an object below BACKUP_URL.
func Put(t *testing.T, variables map[string]string, name, content string) {
	t.Helper()
	if _, err := client(t, variables).PutObject(context.Background(), "backups", path.Join("souk", name), strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}

func client(t *testing.T, variables map[string]string) *minio.Client {
	t.Helper()
	u, err := url.Parse(variables["BACKUP_URL"])
	if err != nil {
		t.Fatal(err)
	}
	c, err := minio.New(u.Host, &minio.Options{Creds: credentials.NewStaticV4(key, secret, ""), Region: variables["AWS_REGION"], BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
