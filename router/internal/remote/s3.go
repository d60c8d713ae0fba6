package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// metadataTimeout bounds a request for credentials to a service of the machine: outside of
// Amazon's network nothing responds there.
const metadataTimeout = 2 * time.Second

// amazon is the S3 service without an endpoint.
const amazon = "https://s3.amazonaws.com"

// An object is an object in a bucket.
type object struct {
	Options
	client      *minio.Client
	bucket, key string
	etag        string // of the last text
}

func newObject(o Options) (Source, error) {
	address, err := url.Parse(o.URL)
	if err != nil {
		return nil, err
	}
	endpoint, err := url.Parse(cmp.Or(o.Endpoint, amazon))
	if err != nil || endpoint.Host == "" {
		return nil, errors.New("endpoint must be a URL, such as https://s3.example")
	}
	lookup := minio.BucketLookupAuto
	if o.Endpoint != "" {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		// The variables AWS_ACCESS_KEY_ID and so on, the file of AWS_SHARED_CREDENTIALS_FILE,
		// and then the role of the pod, task or machine. Without any, requests are anonymous.
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
			&credentials.IAM{Client: &http.Client{Timeout: metadataTimeout}},
		}),
		Secure: endpoint.Scheme == "https", Transport: o.transport(), BucketLookup: lookup,
		MaxRetries: 1, // a Schedule tries again
		Region:     cmp.Or(o.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")),
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	return &object{Options: o, client: client, bucket: address.Host, key: strings.TrimPrefix(address.Path, "/")}, nil
}

func (s *object) Fetch(ctx context.Context) ([]byte, error) {
	text, err := s.fetch(ctx)
	if err == nil {
		return text, nil
	}
	advice := ""
	switch minio.ToErrorResponse(err).StatusCode {
	case http.StatusForbidden, http.StatusUnauthorized:
		advice = "; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role, which must be allowed s3:GetObject"
	case http.StatusNotFound:
		advice = "; check the bucket and key in the url"
	}
	return nil, fmt.Errorf("fetching %s: %w%s", Name(s.URL), withoutURL(err), advice)
}

func (s *object) fetch(ctx context.Context) ([]byte, error) {
	info, err := s.client.StatObject(ctx, s.bucket, s.key, minio.StatObjectOptions{})
	switch {
	case err != nil:
		return nil, err
	case info.ETag != "" && info.ETag == s.etag:
		return nil, nil
	case info.Size > s.MaxBytes:
		return nil, tooLarge(s.MaxBytes)
	}
	got, err := s.client.GetObject(ctx, s.bucket, s.key, minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	defer got.Close()
	text, err := readAll(got, s.MaxBytes)
	if err != nil {
		return nil, err
	}
	if info, err = got.Stat(); err != nil { // of the text, which may be newer
		return nil, err
	}
	s.etag = info.ETag
	return text, nil
}
