package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"souk/internal/blocking"
	"souk/router"
	"souk/router/gateway/config"
)

// follow reloads the configuration file and the REST routes whenever their contents change, or
// those of a file that a value of the configuration refers to.
// The gateway itself watches the supergraph. follow polls and compares hashes of the
// contents rather than timestamps, because Kubernetes replaces files by moving symbolic
// links. It calls loaded after each reload. What was refused is tried
// again with another supergraph.
func (f routerFlags) follow(ctx context.Context, r *router.Reloadable, seen [sha256.Size]byte, every time.Duration, logger *slog.Logger, loaded func()) {
	file := r.Follow()
	defer file.Close()
	refused, with := false, "" // the supergraph with which it was refused
	ticker := time.NewTicker(max(every, 10*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, err := f.fingerprint(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			file.Failed(ctx, err)
			continue
		}
		// REST routes may be refused because their supergraph comes later.
		if now == seen && (!refused || r.Supergraph() == with) {
			if !refused { // the file may have been unreadable before
				file.Succeeded(ctx)
			}
			continue
		}
		seen = now
		began := time.Now()
		with = r.Supergraph()
		c, source, err := f.settings(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = r.Reconfigure(ctx, c, source)
		} else {
			r.Refused(began, err)
		}
		if refused = err != nil; refused {
			logger.ErrorContext(ctx, "the new configuration is invalid; keeping the current one", "error", err)
			file.Record(err)
			continue
		}
		file.Succeeded(ctx)
		logger.InfoContext(ctx, "configuration loaded")
		loaded()
	}
}

// fingerprint returns a hash of the configuration file, the files that it refers to, and the REST
// routes.
func (f routerFlags) fingerprint(ctx context.Context) ([sha256.Size]byte, error) {
	var files []string
	if f.config != "" {
		files = append(files, f.config)
	}
	if f.routes != "" {
		routes, err := filepath.Glob(filepath.Join(f.routes, "*.graphql"))
		if err != nil {
			return [sha256.Size]byte{}, err
		}
		files = append(files, routes...)
	}
	hash := sha256.New()
	for _, file := range files {
		text, err := blocking.Call(ctx, func() ([]byte, error) { return os.ReadFile(file) })
		if err != nil {
			return [sha256.Size]byte{}, err
		}
		sum := sha256.Sum256(text)
		hash.Write([]byte(file))
		hash.Write(sum[:])
		if file == f.config {
			if err := hashReferred(ctx, hash, file, text); err != nil {
				return [sha256.Size]byte{}, err
			}
		}
	}
	return [sha256.Size]byte(hash.Sum(nil)), nil
}

// hashReferred adds the files that the text of a configuration refers to. One that cannot be read is
// a change, too: reading the configuration then says where it is needed.
func hashReferred(ctx context.Context, to hash.Hash, file string, text []byte) error {
	for _, path := range config.ReferredFiles(file, text) {
		content, err := blocking.Call(ctx, func() ([]byte, error) { return config.ReadReferred(path) })
		if ctx.Err() != nil {
			return ctx.Err()
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(to, "%q %x %t", path, sum, err == nil)
	}
	return nil
}
