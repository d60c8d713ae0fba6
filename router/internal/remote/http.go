package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// maxRedirects bounds the redirects of a request.
const maxRedirects = 5

// A download is the text at a URL.
type download struct {
	Options
	client *http.Client
	// etag and modified are the validators of the last text (RFC 9110, section 8.8).
	etag, modified string
}

func newDownload(o Options) Source {
	d := &download{Options: o, client: &http.Client{Transport: o.transport()}}
	d.client.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		switch {
		case len(via) >= maxRedirects:
			return fmt.Errorf("there are more than %d redirects", maxRedirects)
		case len(o.Header) > 0 && (r.URL.Host != via[0].URL.Host || r.URL.Scheme != via[0].URL.Scheme):
			return errors.New("it is redirected to another host, for which the configured headers are not meant")
		}
		return nil
	}
	return d
}

func (d *download) Fetch(ctx context.Context) ([]byte, error) {
	text, err := d.fetch(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetching %s: %w", Name(d.URL), err)
	}
	return text, nil
}

func (d *download) fetch(ctx context.Context) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.URL, nil)
	if err != nil {
		return nil, errors.New("it is not a URL")
	}
	if d.Header != nil {
		r.Header = d.Header.Clone()
	}
	if d.etag != "" {
		r.Header.Set("If-None-Match", d.etag)
	}
	if d.modified != "" {
		r.Header.Set("If-Modified-Since", d.modified)
	}
	res, err := d.client.Do(r)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusNotModified && (d.etag != "" || d.modified != ""):
		return nil, nil
	case res.StatusCode != http.StatusOK:
		return nil, statusError(res)
	}
	text, err := readAll(res.Body, d.MaxBytes)
	if err != nil {
		return nil, err
	}
	d.etag, d.modified = res.Header.Get("ETag"), res.Header.Get("Last-Modified")
	return text, nil
}

// statusError returns the error for a response without a text.
func statusError(res *http.Response) error {
	advice := ""
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		advice = "; check the credentials in headers"
	case http.StatusNotFound, http.StatusGone:
		advice = "; check the url"
	}
	err := fmt.Errorf("the response has status %s%s", res.Status, advice)
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return err
	}
	if seconds, wrong := strconv.Atoi(res.Header.Get("Retry-After")); wrong == nil && seconds > 0 {
		return &later{err, time.Duration(seconds) * time.Second}
	}
	if at, wrong := http.ParseTime(res.Header.Get("Retry-After")); wrong == nil {
		return &later{err, time.Until(at)}
	}
	return err
}

// later is the error of a server that says when to try again.
type later struct {
	error
	after time.Duration
}

func (l *later) Unwrap() error { return l.error }
