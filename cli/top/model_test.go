package top

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"
)

func TestScreens(t *testing.T) {
	trace := recordedTrace(t)
	for _, size := range []struct{ width, height int }{{80, 24}, {130, 40}} {
		for _, screen := range []struct {
			name string
			keys []string
		}{
			{name: "operations"},
			{name: "subgraphs", keys: []string{"tab"}},
			{name: "clients", keys: []string{"tab", "tab"}},
			{name: "errors", keys: []string{"shift+tab"}},
			{name: "filter", keys: []string{"/", "p", "r", "o"}},
			{name: "details", keys: []string{"enter"}},
			{name: "help", keys: []string{"?"}},
		} {
			m := model(t, size.width, size.height)
			press(m, screen.keys...)
			if m.details != nil {
				m.Update(traceMsg{id: m.details.asked, trace: trace})
			}
			golden(t, fmt.Sprintf("%s-%dx%d", screen.name, size.width, size.height), text(m))
			fitsScreen(t, m)
		}
	}
}

func TestScreenFitsAnySize(t *testing.T) {
	trace := recordedTrace(t)
	for width := 1; width < 200; width += 7 {
		for height := 1; height < 60; height += 5 {
			for _, keys := range [][]string{nil, {"tab"}, {"tab", "tab"}, {"tab", "tab", "tab"}, {"enter"}, {"?"}, {"/", "x"}} {
				m := model(t, width, height)
				press(m, keys...)
				if m.details != nil {
					m.Update(traceMsg{id: m.details.asked, trace: trace})
				}
				if width >= minWidth && height >= minHeight {
					fitsScreen(t, m)
				} else if lines := strings.Count(m.View().Content, "\n"); lines > 0 {
					t.Errorf("%d×%d: %d lines", width, height, lines)
				}
			}
		}
	}
}

// many is a snapshot with 100 operations.
func many(t *testing.T) Snapshot {
	s := recorded(t)
	s.Operations = nil
	for i := range 100 {
		s.Operations = append(s.Operations, Operation{Hash: fmt.Sprint("hash", i), Name: fmt.Sprintf("Operation%02d", i), Kind: "query", Rate: float64(i), Latencies: Latencies{P95: new(float64(100 - i))}})
	}
	return s
}

func manyRows(t *testing.T) *Model {
	m := model(t, 80, 24)
	m.show(many(t))
	press(m, "home")
	return m
}

// names returns the first words of the rows on the screen.
func names(m *Model) []string {
	var list []string
	for _, line := range strings.Split(text(m), "\n")[bodyTop+1 : m.height-1] {
		if fields := strings.Fields(strings.TrimPrefix(line, "▸")); len(fields) > 0 {
			list = append(list, fields[0])
		}
	}
	return list
}

func selected(m *Model) string {
	for line := range strings.Lines(text(m)) {
		if rest, ok := strings.CutPrefix(line, "▸ "); ok {
			return strings.Fields(rest)[0]
		}
	}
	return ""
}

func TestRowsAreSortedByTheChosenColumn(t *testing.T) {
	m := manyRows(t)
	if got := names(m)[:2]; !slices.Equal(got, []string{"Operation99", "Operation98"}) {
		t.Errorf("by requests: %v", got)
	}
	press(m, "r")
	if got := names(m)[:2]; !slices.Equal(got, []string{"Operation00", "Operation01"}) {
		t.Errorf("by requests, reversed: %v", got)
	}
	press(m, "S", "S")
	if got := names(m)[:2]; !slices.Equal(got, []string{"Operation00", "Operation01"}) || !strings.Contains(text(m), "OPERATION▲") {
		t.Errorf("by name: %v", got)
	}
	press(m, "s", "s", "s", "s", "s")
	if got := names(m)[0]; got != "Operation00" || !strings.Contains(text(m), "P95▼") {
		t.Errorf("by P95: %v\n%s", got, text(m))
	}
}

func TestSelectionMovesAndScrolls(t *testing.T) {
	m := manyRows(t)
	for _, step := range []struct{ keys, want string }{
		{"up", "Operation99"}, {"down", "Operation98"}, {"pgdown", "Operation81"}, {"end", "Operation00"},
		{"down", "Operation00"}, {"pgup", "Operation17"}, {"home", "Operation99"},
	} {
		press(m, step.keys)
		if got := selected(m); got != step.want {
			t.Errorf("after %s: %s is selected, want %s", step.keys, got, step.want)
		}
		fitsScreen(t, m)
	}
	press(m, "end")
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 12})
	if got := selected(m); got != "Operation00" {
		t.Errorf("in a smaller window %q is selected", got)
	}
}

// The selected row is the same one after an update that reorders the rows.
// TestOperationsOfOneDocumentAreToldApart: they have the same hash if it cannot be redacted.
func TestOperationsOfOneDocumentAreToldApart(t *testing.T) {
	s := recorded(t)
	s.Operations = []Operation{{Hash: "h", Name: "One", Kind: "query", Rate: 2}, {Hash: "h", Name: "Two", Kind: "query", Rate: 1}}
	m := model(t, 100, 30)
	m.show(s)
	press(m, "down", "enter")
	if shown := text(m); !strings.Contains(shown, "query Two") {
		t.Errorf("the details are those of another operation:\n%s", shown)
	}
}

func TestSelectionFollowsItsRow(t *testing.T) {
	m := manyRows(t)
	press(m, "down", "down")
	s := many(t)
	s.Operations[97].Rate = 50.5
	m.request = 7
	m.Update(snapshotMsg{request: 7, snapshot: s})
	if got := selected(m); got != "Operation97" {
		t.Errorf("%q is selected", got)
	}
	s.Operations = s.Operations[:97] // its row is gone
	m.Update(snapshotMsg{request: 7, snapshot: s})
	if got := selected(m); got == "" {
		t.Error("nothing is selected")
	}
}

func TestFilterKeepsMatchingRows(t *testing.T) {
	m := manyRows(t)
	press(m, "/", "O", "N", "1", "7")
	if got := names(m); !slices.Equal(got, []string{"Operation17"}) {
		t.Errorf("rows %v", got)
	}
	press(m, "q") // is text while the filter is typed
	if got := text(m); !strings.Contains(got, "Nothing matches the filter") {
		t.Errorf("the screen is\n%s", got)
	}
	if cmd := press(m, "enter"); cmd != nil {
		t.Error("enter does more than to keep the filter")
	}
	if got := text(m); !strings.Contains(got, "filter /ON17q") {
		t.Errorf("the screen is\n%s", got)
	}
	press(m, "esc")
	if got := len(names(m)); got != m.space() {
		t.Errorf("%d rows after the filter was cleared", got)
	}
}

func TestKeysQuit(t *testing.T) {
	for _, keys := range [][]string{{"q"}, {"ctrl+c"}, {"/", "ctrl+c"}, {"enter", "q"}, {"?", "ctrl+c"}} {
		cmd := press(model(t, 80, 24), keys...)
		if cmd == nil {
			t.Errorf("%v: no command", keys)
			continue
		}
		if _, ok := cmd().(tea.QuitMsg); !ok {
			t.Errorf("%v does not quit", keys)
		}
	}
}

// A fakeSource counts requests.
type fakeSource struct {
	snapshot Snapshot
	err      error
	windows  []time.Duration
	traces   []string
}

func (f *fakeSource) Snapshot(_ context.Context, window time.Duration) (Snapshot, error) {
	f.windows = append(f.windows, window)
	return f.snapshot, f.err
}

func (f *fakeSource) Trace(_ context.Context, id string) (Trace, error) {
	f.traces = append(f.traces, id)
	return Trace{ID: id, Duration: 1}, f.err
}

func TestPauseStopsReading(t *testing.T) {
	m := model(t, 80, 24)
	f := &fakeSource{snapshot: recorded(t)}
	m.source = f
	press(m, "p")
	if m.Update(tickMsg{m.request}); m.request != 0 || !strings.Contains(text(m), "Paused") {
		t.Errorf("request %d while paused\n%s", m.request, text(m))
	}
	press(m, "p")
	_, cmd := m.Update(tickMsg{m.request})
	if msg, ok := cmd().(snapshotMsg); !ok || len(f.windows) != 1 {
		t.Errorf("after the pause: %T", msg)
	}
}

func TestWindowChangesAndLateAnswersAreIgnored(t *testing.T) {
	m := model(t, 80, 24)
	f := &fakeSource{snapshot: recorded(t)}
	m.source = f
	_, late := m.Update(tickMsg{m.request})
	answer := press(m, "w")()
	old := late().(snapshotMsg)
	old.snapshot.Operations = nil
	m.Update(answer)
	m.Update(old)
	if !slices.Contains(f.windows, 15*time.Minute) || len(m.snapshot.Operations) == 0 {
		t.Errorf("windows %v, %d operations", f.windows, len(m.snapshot.Operations))
	}
	if _, cmd := m.Update(tickMsg{0}); cmd != nil {
		t.Error("a tick from before the change of the window asks again")
	}
}

func TestLostRouterKeepsTheLastFigures(t *testing.T) {
	m := model(t, 80, 24)
	m.request = 1
	before := names(m)
	_, cmd := m.Update(snapshotMsg{request: 1, err: errors.New("cannot reach the router")})
	if cmd == nil || !strings.Contains(text(m), "Not up to date: cannot reach the router") || !slices.Equal(names(m), before) {
		t.Errorf("the screen is\n%s", text(m))
	}
	m.Update(snapshotMsg{request: 1, snapshot: recorded(t)})
	if strings.Contains(text(m), "Not up to date") {
		t.Error("the message stays after the router is back")
	}
}

func TestDetailsReadTheirTraceOnce(t *testing.T) {
	m := manyRows(t)
	f := &fakeSource{}
	m.source = f
	m.snapshot.Operations[99].Traces.Latest = "t1"
	m.snapshot.Operations[99].Traces.Slowest = "t2"
	m.Update(press(m, "enter")())
	if !strings.Contains(text(m), "Trace (latest) t1") {
		t.Errorf("the screen is\n%s", text(m))
	}
	m.request = 1
	m.Update(snapshotMsg{request: 1, snapshot: m.snapshot})
	m.Update(press(m, "t")())
	if !strings.Contains(text(m), "Trace (slowest) t2") || !slices.Equal(f.traces, []string{"t1", "t2"}) {
		t.Errorf("traces %v, the screen is\n%s", f.traces, text(m))
	}
	press(m, "t")
	if !strings.Contains(text(m), "keeps no such trace") {
		t.Errorf("the screen is\n%s", text(m))
	}
	press(m, "esc")
	if selected(m) != "Operation99" {
		t.Error("back in the table another row is selected")
	}
}

// colours matches the sequences that set colours and attributes.
var colours = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// Names and messages come from clients and subgraphs. They must not control the terminal.
func TestTextFromTheNetworkCannotControlTheTerminal(t *testing.T) {
	evil := "x\x1b]0;owned\x07\x1b[2J\u202e\r\n\u009b31m\u200b\u2028\ufeff\U000e0041"
	s := recorded(t)
	s.Info.Replica, s.Info.Version = evil, evil
	s.Operations = []Operation{{Hash: "h", Name: evil, Kind: evil, Document: "{" + evil + "}", Deprecated: []string{evil}}}
	s.Operations[0].Traces.Latest = "t"
	s.Subgraphs = []Subgraph{{Name: evil, URL: evil, Health: evil, Breaker: evil, Error: evil}}
	s.Clients = []Caller{{Name: evil, Version: evil}}
	s.Errors = []Failure{{Code: evil, Message: evil, Subgraph: evil}}
	var trace Trace
	trace.ID, trace.Client.Name, trace.Operation.Name = evil, evil, evil
	trace.Fetches = []Fetch{{Subgraph: evil, Error: evil, Outcome: evil}}
	for _, keys := range [][]string{nil, {"enter"}, {"tab"}, {"tab", "enter"}, {"tab", "tab"}, {"tab", "tab", "enter"}, {"shift+tab"}, {"shift+tab", "enter"}} {
		m := model(t, 100, 40)
		m.show(s)
		press(m, keys...)
		if m.details != nil {
			m.Update(traceMsg{id: m.details.asked, trace: trace})
		}
		shown := colours.ReplaceAllString(m.View().Content, "")
		if i := strings.IndexFunc(shown, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
			t.Errorf("%v: the screen has the control character %q", keys, shown[i:i+4])
		}
	}
}
