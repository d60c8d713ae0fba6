package remotetest

import (
	"bytes"
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// A Bucket is the bucket graphs of a service with the API of S3.
type Bucket struct {
	// Endpoint is the URL of the service.
	Endpoint string
	// Stop stops the service.
	Stop func()

	client *minio.Client
}

// bucket is its name.
const bucket = "graphs"

// NewBucket starts a service, and sets the environment variables that have credentials for it.
func NewBucket(t *testing.T) *Bucket {
	t.Helper()
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithoutVersioning()).Server())
	t.Cleanup(server.Close)
	client, err := minio.New(host(server), &minio.Options{Creds: credentials.NewStaticV4("key", "secret", ""), Region: "us-east-1", BucketLookup: minio.BucketLookupPath})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.MakeBucket(t.Context(), bucket, minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_REGION", "us-east-1")
	return &Bucket{Endpoint: server.URL, Stop: server.Close, client: client}
}

// URL returns the address of an object.
func (b *Bucket) URL(key string) string { return "s3://" + bucket + "/" + key }

// Put writes an object.
func (b *Bucket) Put(t *testing.T, key, text string) {
	t.Helper()
	if _, err := b.client.PutObject(t.Context(), bucket, key, bytes.NewReader([]byte(text)), int64(len(text)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
}
