package browser_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"souk/dev"
	"souk/internal/chromiumtest"
)

var screenshots = flag.String("screenshots", "", "keep pictures of the pages in this directory")

// within bounds each wait for a change of a page. A busy machine may need most of it.
const within = 3 * time.Minute

// openStore starts the store on free ports.
func openStore(t *testing.T) *dev.System {
	t.Helper()
	return openStoreWith(t, dev.Options{})
}

// openStoreWith starts a store with other options, too.
func openStoreWith(t *testing.T, o dev.Options) *dev.System {
	t.Helper()
	o.Listen, o.AuthMode, o.Log, o.LogLevel = "127.0.0.1:0", "tutorial", t.Output(), "warn"
	store, err := dev.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Stop(); err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	return store
}

// openBrowser starts a Chromium that can reach only this machine. openTab opens its
// tabs.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
	if os.Getenv("SOUK_BROWSER") == "" && !*documentation {
		t.Skip("skipped: takes minutes and uses k6; make browser and make verify run it (SOUK_BROWSER=1)")
	}
	allocator, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromiumtest.Path(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(chromiumtest.Profile(t)),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.WSURLReadTimeout(within),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"))...)
	t.Cleanup(cancel)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return browser
}

// A tab is a page of the browser.
type tab struct {
	t        *testing.T
	ctx      context.Context
	look     look
	mu       sync.Mutex
	problems []string // errors of its scripts and of the browser
	requests []string // the URLs that it requested
}

// A look is a window size and colour scheme.
type look struct {
	name   string
	width  int64
	height int64
	scheme string
}

var looks = []look{
	{name: "desk-light", width: 1280, height: 900, scheme: "light"},
	{name: "desk-dark", width: 1280, height: 900, scheme: "dark"},
	{name: "phone-light", width: 390, height: 844, scheme: "light"},
	{name: "phone-dark", width: 390, height: 844, scheme: "dark"},
}

// openTab opens a tab with its own storage until the test ends.
func openTab(t *testing.T, browser context.Context, look look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx, look: look}
	messages := chromedp.Console(ctx)
	go func() {
		for message, err := range messages {
			if err != nil {
				return // the tab is closed
			}
			if message.IsException() || message.Type == chromedp.ConsoleError {
				p.mu.Lock()
				p.problems = append(p.problems, message.String())
				p.mu.Unlock()
			}
		}
	}()
	sent := chromedp.Events(ctx, network.RequestWillBeSent)
	go func() {
		for event, err := range sent {
			if err != nil {
				return // the tab is closed
			}
			p.mu.Lock()
			p.requests = append(p.requests, event.Request.URL)
			p.mu.Unlock()
		}
	}()
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	p.run(chromedp.EmulateViewport(look.width, look.height))
	// Tabs are open at the same time, and only one of them has the focus.
	if _, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}},
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

// wantNoProblems fails the test for each error.
func (p *tab) wantNoProblems() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		p.t.Errorf("browser error: %s", problem)
	}
}

// wantRequestsTo fails the test for requests to other hosts than those of the base URLs.
func (p *tab) wantRequestsTo(bases ...string) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == 0 {
		p.t.Error("no requests were seen")
	}
	for _, url := range p.requests {
		if !slices.ContainsFunc(append(bases, "data:", "about:"), func(base string) bool { return strings.HasPrefix(url, base) }) {
			p.t.Errorf("the page requested %s", url)
		}
	}
}

func (p *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// await waits until a JavaScript expression is true.
func (p *tab) await(what, condition string) {
	p.t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !evaluate[bool](p, "Boolean("+condition+")") {
		select {
		case <-deadline.C:
			p.t.Fatalf("timed out waiting for %s; page:\n%s", what, evaluate[string](p, `document.body.innerText`))
		case <-tick.C:
		}
	}
}

// evaluate evaluates a JavaScript expression and awaits a promise.
func evaluate[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("evaluating %.200s: %v", expression, err)
	}
	return out
}

// picture saves a screenshot of the page if the flag is set.
func (p *tab) picture(name string, whole bool) {
	p.t.Helper()
	if *screenshots == "" {
		return
	}
	take := chromedp.CaptureScreenshot()
	if whole {
		take = chromedp.FullScreenshot(100)
	}
	image, err := chromedp.Run(p.ctx, take)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := os.MkdirAll(*screenshots, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screenshots, strings.ReplaceAll(name, " ", "-")+".png"), image, 0o644); err != nil {
		p.t.Fatal(err)
	}
}
