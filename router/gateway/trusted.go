package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"souk/internal/blocking"
	"souk/router/dependency"
	"souk/router/documents"
	"souk/router/gateway/config"
	"souk/router/internal/remote"
)

// A documentsOrigin is the file, directory or remote source that has the trusted documents.
type documentsOrigin struct {
	config   config.PersistedDocuments
	tokens   int
	remote   remote.Source // nil for a file or a directory
	copy     remote.Copy
	schedule remote.Schedule
	due      time.Time
	seen     [sha256.Size]byte // of the last files, good or bad
	// failing is the error of the last read; an invalid list is one, too.
	failing error
}

func newDocumentsOrigin(c config.PersistedDocuments, tokens int, changed func(error)) (*documentsOrigin, error) {
	o := &documentsOrigin{config: c, tokens: tokens, schedule: remote.Schedule{Interval: c.PollInterval}}
	if !c.Remote.Configured() {
		return o, nil
	}
	source, err := c.Remote.Source(changed)
	if err != nil {
		return nil, fmt.Errorf("persisted_documents.remote.%w", err)
	}
	o.remote, o.copy, o.schedule.Interval = source, remote.Copy(c.Remote.CacheFile), c.Remote.PollInterval
	return o, nil
}

// configured reports whether there are trusted documents.
func (o *documentsOrigin) configured() bool { return o.remote != nil || o.config.Path != "" }

// next returns the documents, or nil if they have not changed or it is not time to look.
func (o *documentsOrigin) next(ctx context.Context) (*documents.Set, error) {
	if time.Now().Before(o.due) {
		return nil, nil
	}
	set, err := o.read(ctx)
	o.due = time.Now().Add(o.schedule.Next(err))
	switch {
	case err != nil:
		o.failing = err
	case set != nil:
		o.failing = nil
	}
	return set, err
}

func (o *documentsOrigin) read(ctx context.Context) (*documents.Set, error) {
	files, err := o.files(ctx)
	if err != nil {
		o.seen = [sha256.Size]byte{} // once they can be read, they are looked at again
		return nil, fmt.Errorf("reading the trusted documents: %w", err)
	}
	if len(files) == 0 && o.remote != nil {
		return nil, o.failing // unchanged: an invalid list is still one
	}
	hash := sha256.New()
	for _, f := range files {
		fmt.Fprintf(hash, "%s\x00%d\x00", f.Path, len(f.Text))
		hash.Write(f.Text)
	}
	sum := [sha256.Size]byte(hash.Sum(nil))
	if sum == o.seen {
		return nil, o.failing
	}
	o.seen = sum
	set, err := o.parse(files)
	if err == nil && o.remote != nil {
		err = o.copy.Write(files[0].Text)
	}
	return set, err
}

func (o *documentsOrigin) parse(files []documents.File) (*documents.Set, error) {
	list, err := documents.Parse(files)
	if err != nil {
		return nil, fmt.Errorf("reading the trusted documents: %w", err)
	}
	return documents.NewSet(list, o.tokens)
}

func (o *documentsOrigin) files(ctx context.Context) ([]documents.File, error) {
	if o.remote == nil {
		return blocking.Call(ctx, func() ([]documents.File, error) {
			return documents.ReadFiles(o.config.Path, documents.ManifestExtensions...)
		})
	}
	text, err := o.remote.Fetch(ctx)
	if err != nil || text == nil {
		return nil, err
	}
	return []documents.File{{Path: remote.Name(o.config.Remote.URL), Text: text}}, nil
}

// copied returns the documents of the copy on disk, or nil.
func (o *documentsOrigin) copied() (*documents.Set, error) {
	text, err := o.copy.Read(int64(o.config.Remote.MaxBytes))
	if err != nil || text == nil {
		return nil, err
	}
	return o.parse([]documents.File{{Path: string(o.copy), Text: text}})
}

// loadDocuments loads the trusted documents for the first time, and watches them until Close.
func (gw *Gateway) loadDocuments(ctx context.Context) error {
	c := gw.config.PersistedDocuments
	origin, err := newDocumentsOrigin(c, mostTokens(gw.config.Limits), func(err error) {
		gw.logger.Error("files of persisted_documents.remote.tls have changed", "error", err)
	})
	if err != nil || !origin.configured() {
		return err
	}
	set, err := origin.next(ctx)
	if set == nil {
		var unread error
		if set, unread = origin.copied(); set == nil {
			return errors.Join(err, unread)
		}
		gw.logger.Error("the trusted documents cannot be read; using the last good ones", "last_good", string(origin.copy), "error", err)
	}
	gw.persisted.trusted.Store(set)
	gw.offerTools()
	if c.HotReload {
		d := gw.options.Dependencies.Open(dependency.Documents, c.Remote.Kind(), dependency.Use{Effect: "the loaded documents stay in use"})
		d.Observe(ctx, origin.failing)
		gw.watch.Go(func() {
			defer d.Close()
			gw.watchDocuments(origin, d)
		})
	}
	return nil
}

// watchDocuments replaces the trusted documents when they change. Those that are invalid leave the
// last good ones in use.
func (gw *Gateway) watchDocuments(from *documentsOrigin, d *dependency.Dependency) {
	ctx := gw.drain // Close cancels it
	for {
		wait := time.NewTimer(time.Until(from.due))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		set, err := from.next(ctx)
		if ctx.Err() != nil {
			return
		}
		if set != nil {
			gw.persisted.trusted.Store(set)
			gw.offerTools()
			gw.logger.Info("trusted documents loaded", "documents", set.Len())
		}
		d.Observe(ctx, err)
	}
}
