//go:build !linux

package http1

import "errors"

// watches reports whether the system tells when clients disconnect.
const watches = false

type watcher struct{}

func newWatcher() (*watcher, error) { return nil, errors.ErrUnsupported }

func (*watcher) close() {}

func (*watcher) add(*conn) bool { return false }

func (*watcher) remove(*conn) {}

func (*watcher) drop(*conn) {}

func (*conn) disconnected() bool { return false }
