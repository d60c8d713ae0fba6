package browser_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"souk/dev"
	"souk/loadtest/k6"
)

// A page can be used by several at once, so these tests share one browser and one store, and
// most run at the same time.
func TestStoreInTheBrowser(t *testing.T) {
	t.Parallel()
	browser, store := openBrowser(t), openStore(t)
	t.Run("inbox keeps its scroll position", func(t *testing.T) { inboxKeepsItsScrollPosition(t, browser, store) }) // alone
	for name, test := range map[string]func(*testing.T, context.Context, *dev.System){
		"pages are accessible":                        pagesAreAccessible,
		"console shows traffic":                       consoleShowsTraffic,
		"console finds fields by keyboard":            consoleFindsFieldsByKeyboard,
		"console plans operations":                    consolePlansOperations,
		"console runs operations":                     consoleRunsOperations,
		"console keeps the window":                    consoleKeepsTheWindow,
		"console keeps the focus":                     consoleKeepsTheFocus,
		"playground shows plans and runs":             playgroundShowsPlansAndRuns,
		"playground logs in":                          playgroundLogsIn,
		"follow example shows the cancelled order":    followExampleShowsTheCancelledOrder,
		"response scrolls into view on small screens": responseScrollsIntoView,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, browser, store)
		})
	}
}

// These tests need only a router, and share a browser.
func TestConsoleOfARouter(t *testing.T) {
	t.Parallel()
	browser := openBrowser(t)
	for name, test := range map[string]func(*testing.T, context.Context){
		"asks for the token":              consoleAsksForTheToken,
		"shows reloads":                   consoleShowsReloads,
		"reconnects":                      consoleReconnects,
		"shows the canary":                consoleShowsTheCanary,
		"keeps views":                     consoleKeepsViews,
		"is well laid out":                consoleIsWellLaidOut,
		"has legends of now":              consoleLegendsAreOfNow,
		"recovers from refusals":          consoleRecovers,
		"tells unknown from absent":       consoleTellsUnknownFromAbsent,
		"has room for long names":         consoleHasRoomForLongNames,
		"stays usable with large graphs":  consoleStaysUsableWithLargeGraphs,
		"explains the absence of traffic": consoleExplainsAbsenceOfTraffic,
		"shows errors of its API":         consoleShowsErrors,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, browser)
		})
	}
}

// load puts the store under the load of loadtest/mixed.js until the test ends. Without k6 the
// test has only the operations that it sends itself.
func load(t *testing.T, store *dev.System) {
	t.Helper()
	path, err := k6.Find()
	if err != nil {
		t.Fatal(err)
	}
	if path == "" {
		t.Log("k6 not found: the store has only the traffic of the test itself; run `make k6`, or set K6 to its path")
		return
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), path, "run", "--quiet", "--no-usage-report", "--no-thresholds", filepath.Join("..", "..", "loadtest", "mixed.js"))
	cmd.Env = append(os.Environ(), "GATEWAY_URL="+store.URL("router"), "RESULTS="+t.TempDir(), "RATE=2", "DURATION=1h", "K6_NO_COLOR=true")
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting k6: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT) // it may have ended, which Wait reports
		// k6 exits with 105 after an interrupt.
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 105 {
			t.Errorf("k6: %v: %s", err, log.String())
		}
	})
}
