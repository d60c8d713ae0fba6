package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"souk/internal/blocking"
	"souk/router/gateway/config"
	"souk/router/internal/remote"
	"souk/router/supergraph"
)

// A supergraphOrigin is the file or the remote source that has the supergraph.
type supergraphOrigin struct {
	config config.Supergraph
	block  string        // key of the remote source in the configuration
	remote remote.Source // nil for the file
	file   watchedFile
	copy   remote.Copy
	// schedule says when a remote source is fetched again, which is due then.
	schedule remote.Schedule
	due      time.Time
	// pending is a text that has been fetched and is not proposed yet.
	pending []byte
	// failing is the error of the last read, and refused is set if the last text is invalid.
	failing error
	refused bool
}

func newSupergraphOrigin(c config.Supergraph, block string, changed func(error)) (*supergraphOrigin, error) {
	o := &supergraphOrigin{config: c, block: cmp.Or(block, "supergraph.remote")}
	if !c.Remote.Configured() {
		return o, nil
	}
	source, err := c.Remote.Source(changed)
	if err != nil {
		return nil, fmt.Errorf("%s.%w", o.block, err)
	}
	o.remote, o.copy, o.schedule = source, remote.Copy(c.Remote.CacheFile), remote.Schedule{Interval: c.Remote.PollInterval}
	return o, nil
}

// name is that of the file or of the source, without secrets.
func (o *supergraphOrigin) name() string {
	if o.remote == nil {
		return o.config.File
	}
	return remote.Name(o.config.Remote.URL)
}

// first reads the supergraph for the first time.
func (o *supergraphOrigin) first(ctx context.Context) (string, error) {
	if o.remote == nil {
		return blocking.Call(ctx, func() (string, error) { return supergraph.ReadFile(o.config.File) })
	}
	text, err := o.fetch(ctx)
	if err != nil {
		return "", fmt.Errorf("reading the supergraph: %w", err)
	}
	return string(text), nil
}

// next returns the supergraph and its digest, or nil if it has not changed or it is not time to look.
// It calls pause often.
func (o *supergraphOrigin) next(ctx context.Context, pause func()) (text []byte, sum digest, err error) {
	switch {
	case o.pending != nil:
		text, o.pending = o.pending, nil
	case o.remote == nil:
		text, o.failing = blocking.Call(ctx, func() ([]byte, error) { return o.file.read(o.config.File, time.Now(), pause) })
		if o.failing != nil { // the file may still be read
			return nil, sum, o.failing
		}
		return text, o.file.sum, nil
	case time.Now().Before(o.due):
		return nil, sum, nil
	default:
		text, err = o.fetch(ctx)
	}
	if text != nil {
		sum = digestOf(view(text), pause)
	}
	return text, sum, err
}

func (o *supergraphOrigin) fetch(ctx context.Context) ([]byte, error) {
	text, err := o.remote.Fetch(ctx)
	o.failing, o.due = err, time.Now().Add(o.schedule.Next(err))
	return text, err
}

// keep keeps a copy of a supergraph that is in use.
func (gw *Gateway) keep(o *supergraphOrigin, sdl string) {
	if o.copy == "" {
		return
	}
	if err := o.copy.Write([]byte(sdl)); err != nil {
		gw.logger.Error("the supergraph is in use, but a restart without its source would not have it", "error", err)
	}
}

// start loads the first supergraph: that of the origin or, if a remote one fails, the last good
// one.
func (gw *Gateway) start(ctx context.Context, o *supergraphOrigin) error {
	text, err := o.first(ctx)
	if err == nil {
		var used string
		if used, err = gw.begin(text); err == nil {
			if used != text {
				o.pending = []byte(text)
			} else {
				gw.keep(o, text)
			}
			return nil
		}
		if problems := (config.Errors)(nil); errors.As(err, &problems) {
			return err
		}
		o.refused = o.remote != nil
		err = fmt.Errorf("%s: %w", o.name(), err)
	}
	if o.remote == nil || ctx.Err() != nil {
		return err
	}
	former, from := gw.options.Former, "the one in use"
	if former == "" {
		copied, unread := o.copy.Read(int64(o.config.Remote.MaxBytes))
		switch {
		case unread != nil:
			return errors.Join(err, unread)
		case copied == nil && o.copy == "":
			return fmt.Errorf("%w; set %s.cache_file to start with the last good one", err, o.block)
		case copied == nil:
			return fmt.Errorf("%w; there is no copy in %s yet", err, string(o.copy))
		}
		former, from = string(copied), string(o.copy)
	}
	if unusable := gw.SetSupergraph(former); unusable != nil {
		return errors.Join(err, fmt.Errorf("%s: %w", from, unusable))
	}
	o.failing = err
	gw.logger.Error("the supergraph cannot be read; using the last good one", "last_good", from, "error", err)
	return nil
}
