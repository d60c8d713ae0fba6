package browser_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"souk/dev"
	"souk/internal/chromiumtest"
)

var screenshots = flag.String("screenshots", "", "keep pictures of the pages in this directory")

// within bounds each wait for something on a page; a busy machine may need most
// of it.
const within = 3 * time.Minute

// openStore starts the store on free ports.
func openStore(t *testing.T) *dev.System {
	t.Helper()
	store, err := dev.Start(t.Context(), dev.Options{Listen: "127.0.0.1:0", AuthMode: "tutorial", Log: t.Output(), LogLevel: "warn"})
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

// openBrowser starts a Chromium that reaches nothing but this machine. Its tabs
// are made with openTab.
func openBrowser(t *testing.T) context.Context {
	t.Helper()
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
	mu       sync.Mutex
	problems []string // what its scripts and the browser complained of
}

// A look is how a page is shown.
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

// openTab opens a tab, with storage of its own, that ends with the test.
func openTab(t *testing.T, browser context.Context, look look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx}
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
	p.run(chromedp.EmulateViewport(look.width, look.height))
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: look.scheme}},
	}); err != nil {
		t.Fatal(err)
	}
	return p
}

// wantNoProblems fails the test for what was complained of.
func (p *tab) wantNoProblems() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		p.t.Errorf("the browser says: %s", problem)
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
			p.t.Fatalf("there is not %s; the page is\n%s", what, evaluate[string](p, `document.body.innerText`))
		case <-tick.C:
		}
	}
}

// evaluate runs a JavaScript expression, and waits for it if it is a promise.
func evaluate[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, within)
	defer cancel()
	out, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%.200s: %v", expression, err)
	}
	return out
}

// picture keeps a picture of the page as it is, if the flag asks for it.
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
