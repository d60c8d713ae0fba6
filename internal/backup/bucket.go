package backup

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// sums is the file that makes a backup complete.
const sums = "SHA256SUMS"

// named are the names of backups, which sort by time.
var named = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$`)

// A Bucket holds backups.
type Bucket struct {
	client       *minio.Client
	name, prefix string // the prefix ends with "/" unless it is empty
}

// ErrNoBucket says that no bucket is configured.
var ErrNoBucket = errors.New("BACKUP_URL is not set; set it to the address of a bucket, such as https://s3.example/backups/souk")

// Open reads where the bucket is from variables, with a function such as os.LookupEnv.
func Open(lookup func(string) (string, bool)) (*Bucket, error) {
	get := func(key string) string {
		value, _ := lookup(key)
		return value
	}
	address := get("BACKUP_URL")
	if address == "" {
		return nil, ErrNoBucket
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.Trim(u.Path, "/") == "" || u.RawQuery != "" || u.User != nil {
		return nil, errors.New("BACKUP_URL is no address of a bucket; it has the form https://HOST/BUCKET or https://HOST/BUCKET/FOLDER, without credentials")
	}
	key, secret := get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY")
	if key == "" || secret == "" {
		return nil, errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set; set both to a key that may list, read, write and delete objects of the bucket")
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(key, secret, ""), Secure: u.Scheme == "https",
		Region: get("AWS_REGION"), BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return nil, fmt.Errorf("BACKUP_URL is invalid: %w", err)
	}
	name, prefix, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	if prefix != "" {
		prefix += "/"
	}
	return &Bucket{client: client, name: name, prefix: prefix}, nil
}

// files returns the names of the files of each backup in the bucket, complete or not.
func (b *Bucket) files(ctx context.Context) (map[string][]string, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the listing after an error
	defer cancel()
	found := map[string][]string{}
	for object := range b.client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: b.prefix, Recursive: true}) {
		if object.Err != nil {
			return nil, fmt.Errorf("listing the bucket: %w", object.Err)
		}
		dir, file := path.Split(strings.TrimPrefix(object.Key, b.prefix))
		if backup := strings.TrimSuffix(dir, "/"); named.MatchString(backup) {
			found[backup] = append(found[backup], file)
		}
	}
	return found, nil
}

// List returns the names of the complete backups in the bucket, oldest first.
func (b *Bucket) List(ctx context.Context) ([]string, error) {
	found, err := b.files(ctx)
	return complete(found), err
}

func complete(found map[string][]string) (names []string) {
	for name, files := range found {
		if slices.Contains(files, sums) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
