package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"souk/router/internal/tlsfile"
)

// A Source is the origin of a text. It is not safe for concurrent use.
type Source interface {
	// Fetch returns the text, or nil if it is the one that the last Fetch with a text
	// returned. The errors name the address, without secrets.
	Fetch(ctx context.Context) ([]byte, error)
}

// Options describe a source.
type Options struct {
	// URL is the address: http://, https://, oci://HOST/REPOSITORY:TAG or @DIGEST, or
	// s3://BUCKET/KEY.
	URL string
	// Header has the headers of requests for a URL.
	Header http.Header
	// TLS secures connections. It may be nil.
	TLS *tlsfile.Source
	// Timeout bounds one Fetch.
	Timeout time.Duration
	// MaxBytes bounds the text, after decompression.
	MaxBytes int64
	// MediaType is that of the layer of an OCI artifact that is the text.
	MediaType string
	// PlainHTTP makes requests to an OCI registry without TLS.
	PlainHTTP bool
	// Endpoint is the URL of the S3 service, Region that of its bucket. If they are empty,
	// the service is Amazon's, and AWS_REGION has the region.
	Endpoint, Region string
}

// Kind returns what an address is of: url, oci or s3. It fails for other addresses.
func Kind(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("it is not a URL")
	}
	switch u.Scheme {
	case "http", "https":
		if u.Host == "" {
			return "", errors.New("it has no host")
		}
		return "url", nil
	case "oci":
		_, err := parseReference(address)
		return "oci", err
	case "s3":
		if u.Host == "" || strings.Trim(u.Path, "/") == "" {
			return "", errors.New("it must have the form s3://BUCKET/KEY")
		}
		return "s3", nil
	}
	return "", errors.New("it must begin with https://, http://, oci:// or s3://")
}

// New returns the source at an address. It makes no request.
func New(o Options) (Source, error) {
	kind, err := Kind(o.URL)
	if err != nil {
		return nil, err
	}
	var s Source
	switch kind {
	case "oci":
		s, err = newArtifact(o)
	case "s3":
		s, err = newObject(o)
	default:
		s = newDownload(o)
	}
	if err != nil {
		return nil, err
	}
	return &bounded{s, o.Timeout}, nil
}

// bounded is a source whose fetches have a deadline.
type bounded struct {
	Source
	timeout time.Duration
}

func (b *bounded) Fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.timeout, fmt.Errorf("it took longer than %s", b.timeout))
	defer cancel()
	text, err := b.Source.Fetch(ctx)
	if err != nil && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
	}
	return text, err
}

// transport returns the transport of requests. Fetches are rare: each opens a connection, with
// the certificates that are valid then.
func (o Options) transport() *http.Transport {
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: o.Timeout}
	if o.TLS != nil {
		t.TLSClientConfig, t.DialTLSContext = o.TLS.Config(), o.TLS.Dial
	}
	return t
}

// Name returns an address without secrets: its user, password and query.
func Name(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the address"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// withoutURL removes the URL from an error of net/http: its query may be a signature.
func withoutURL(err error) error {
	if failed := (*url.Error)(nil); errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// readAll reads a text of at most limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, tooLarge(limit)
	}
	return text, nil
}

func tooLarge(limit int64) error {
	return fmt.Errorf("it is larger than max_bytes, %d bytes", limit)
}
