package loop

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// A watcher reports that files may have changed. It watches their directories, because
// editors replace files. Where that is not possible, the loop still polls.
type watcher struct {
	events  *fsnotify.Watcher // nil if the system has none
	changed chan struct{}
	names   chan []string
	done    chan struct{}
}

func newWatcher() *watcher {
	w := &watcher{changed: make(chan struct{}, 1), names: make(chan []string), done: make(chan struct{})}
	var err error
	if w.events, err = fsnotify.NewWatcher(); err != nil {
		w.events = nil
		return w
	}
	go w.run()
	return w
}

// run passes on the events of the files that are watched.
func (w *watcher) run() {
	defer close(w.done)
	var names []string
	for {
		select {
		case names = <-w.names:
		case event, open := <-w.events.Events:
			if !open {
				return
			}
			// ..data is what Kubernetes replaces in the volume of a ConfigMap.
			if slices.Contains(names, filepath.Clean(event.Name)) || filepath.Base(event.Name) == "..data" {
				select {
				case w.changed <- struct{}{}:
				default: // one is enough
				}
			}
		case <-w.events.Errors: //nolint:errcheck // events were lost; the next poll sees the changes
		}
	}
}

// watch sets the files.
func (w *watcher) watch(files []string) {
	if w.events == nil {
		return
	}
	cleaned := make([]string, len(files))
	for i, file := range files {
		cleaned[i] = filepath.Clean(file)
		_ = w.events.Add(filepath.Dir(cleaned[i])) // a directory that does not exist is polled
	}
	w.names <- cleaned
}

// settle waits until no file has changed for a while.
func (w *watcher) settle(ctx context.Context, after func(time.Duration) <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-after(settle):
			return
		case <-w.changed:
		}
	}
}

func (w *watcher) close() {
	if w.events != nil {
		_ = w.events.Close()
		<-w.done
	}
}
