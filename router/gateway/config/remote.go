package config

import (
	"fmt"
	"net/http"
	"time"

	"souk/router/internal/remote"
	"souk/router/internal/tlsfile"
	"souk/router/subgraph"
)

// Remote configures a text that is kept elsewhere.
type Remote struct {
	URL          string            `yaml:"url" desc:"Address: https://HOST/PATH or http://HOST/PATH, oci://HOST/REPOSITORY:TAG, oci://HOST/REPOSITORY@sha256:DIGEST, or s3://BUCKET/KEY." format:"remote"`
	Headers      map[string]string `yaml:"headers" desc:"Headers of requests to an https or http URL, such as credentials. A redirect to another host is then an error." secret:"yes"`
	TLS          ClientTLS         `yaml:"tls" desc:"TLS for the connection."`
	PollInterval time.Duration     `yaml:"poll_interval" desc:"How often the router checks for a change, by ETag, Last-Modified, digest or version, with a jitter of 10 percent. While it fails, the interval doubles, up to 5m." min:"10ms"`
	Timeout      time.Duration     `yaml:"timeout" desc:"Maximum duration of one check with its download." min:"1ms"`
	MaxBytes     int               `yaml:"max_bytes" desc:"Maximum size in bytes, after decompression." min:"1"`
	CacheFile    string            `yaml:"cache_file" desc:"File in which the router keeps a copy of the last one that it could use. A router that starts while url cannot be fetched, or has one that is invalid, uses the copy." example:"/var/lib/souk/copy"`
	MediaType    string            `yaml:"media_type" desc:"Media type of the layer of an OCI artifact." empty:"no"`
	PlainHTTP    bool              `yaml:"plain_http" desc:"Use HTTP without TLS for an OCI registry."`
	Endpoint     string            `yaml:"endpoint" desc:"URL of an S3 service other than Amazon's, with buckets by path. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, the file AWS_SHARED_CREDENTIALS_FILE, or the role of the machine are the credentials." format:"http" example:"https://s3.example"`
	Region       string            `yaml:"region" desc:"Region of the bucket. By default, AWS_REGION has it." example:"eu-central-1"`
}

func remoteSource(mediaType string, maxBytes int) Remote {
	return Remote{PollInterval: 10 * time.Second, Timeout: 30 * time.Second, MaxBytes: maxBytes, MediaType: mediaType}
}

// Configured reports whether there is an address.
func (r Remote) Configured() bool { return r.URL != "" }

// Kind returns what has the text: url, oci or s3, or file if there is no address. The address
// has been checked.
func (r Remote) Kind() string {
	if !r.Configured() {
		return "file"
	}
	kind, _ := remote.Kind(r.URL)
	return kind
}

// HeaderOf returns configured headers, or nil if there are none.
func HeaderOf(values map[string]string) http.Header {
	if len(values) == 0 {
		return nil
	}
	header := http.Header{}
	for name, value := range values {
		header.Set(name, value)
	}
	return header
}

// Source returns the source. The errors name keys of the block. changed is called when the files
// with certificates change.
func (r Remote) Source(changed func(error)) (remote.Source, error) {
	o := remote.Options{
		URL: r.URL, Timeout: r.Timeout, MaxBytes: int64(r.MaxBytes), MediaType: r.MediaType, PlainHTTP: r.PlainHTTP,
		Endpoint: r.Endpoint, Region: r.Region, Header: HeaderOf(r.Headers),
	}
	if r.TLS != (ClientTLS{}) {
		secure, err := r.TLS.Source(tlsfile.Options{Changed: changed})
		if err != nil {
			return nil, fmt.Errorf("tls.%w", err)
		}
		o.TLS = secure
	}
	s, err := remote.New(o)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	return s, nil
}

// check adds the contradictions of a block.
func (r Remote) check(block string, add addFunc) {
	kind, err := remote.Kind(r.URL)
	for name, value := range r.Headers {
		err := subgraph.CheckSet(name, value)
		add(err != nil, block+".headers."+name, fmt.Sprintf("%s.headers.%s: this header cannot be set: %v", block, name, err))
	}
	if r.URL == "" || err != nil {
		add(r.URL == "" && (r.CacheFile != "" || r.Endpoint != "" || r.PlainHTTP), block, block+" needs "+block+".url", block+".url")
		return
	}
	add(kind != "url" && len(r.Headers) > 0, block+".headers", block+".headers are for an https or http URL; registries and buckets have credentials of their own", block+".url")
	add(kind != "oci" && r.PlainHTTP, block+".plain_http", block+".plain_http is for an OCI registry; write http:// in the url or endpoint instead", block+".url")
	add(kind != "s3" && (r.Endpoint != "" || r.Region != ""), block+".endpoint", block+".endpoint and region are for a url that begins with s3://", block+".url")
}

// trusted reports whether there are trusted documents.
func (d PersistedDocuments) trusted() bool { return d.Path != "" || d.Remote.Configured() }

// check adds the contradictions of a block.
func (d PersistedDocuments) check(add addFunc) {
	const path, remote = "persisted_documents.path", "persisted_documents.remote"
	d.Remote.check(remote, add)
	add(d.Path != "" && d.Remote.Configured(), remote+".url", "persisted_documents.remote.url and persisted_documents.path cannot both be set; remove one of them", path)
	none := !d.trusted()
	for key, set := range map[string]bool{"require": d.Require, "log_unknown": d.LogUnknown} {
		key = "persisted_documents." + key
		add(set && none, key, key+" needs persisted_documents.path or persisted_documents.remote", path, remote)
	}
	add(d.RequireID && !d.Require, "persisted_documents.require_id", "persisted_documents.require_id needs persisted_documents.require", "persisted_documents.require")
}

// isRemote reports whether s is the address of a remote source.
func isRemote(s string) bool {
	_, err := remote.Kind(s)
	return err == nil
}
