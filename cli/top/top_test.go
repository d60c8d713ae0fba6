package top

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update", false, "write the golden files")

// recorded returns the snapshot in testdata/api, which TestRouter -record has written from a
// real router, with the times of the recording.
func recorded(t *testing.T) Snapshot {
	t.Helper()
	raw := map[string]json.RawMessage{}
	for name := range (&Snapshot{}).parts() {
		body, err := os.ReadFile(filepath.Join("testdata", "api", name+".json"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		raw[name] = body
	}
	var s Snapshot
	if err := s.decode(raw); err != nil {
		t.Fatal(err)
	}
	return s
}

// recordedTrace returns the trace in testdata/api.
func recordedTrace(t *testing.T) Trace {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", "api", "trace.json"))
	if err != nil {
		t.Fatal(err)
	}
	var trace Trace
	if err := json.Unmarshal(body, &trace); err != nil {
		t.Fatal(err)
	}
	return trace
}

// model returns a model of the recorded router at a size.
func model(t *testing.T, width, height int) *Model {
	m := NewModel(t.Context(), &Client{URL: "http://localhost:9090"}, recorded(t), Options{Interval: time.Second, Window: 5 * time.Minute})
	m.Update(tea.WindowSizeMsg{Width: width, Height: height})
	return m
}

// press sends keys to a model, such as "down" or "x", and returns the last command.
func press(m *Model, keys ...string) (cmd tea.Cmd) {
	special := map[string]rune{
		"tab": tea.KeyTab, "enter": tea.KeyEnter, "esc": tea.KeyEscape, "up": tea.KeyUp, "down": tea.KeyDown,
		"pgdown": tea.KeyPgDown, "pgup": tea.KeyPgUp, "home": tea.KeyHome, "end": tea.KeyEnd, "left": tea.KeyLeft, "right": tea.KeyRight,
	}
	for _, k := range keys {
		msg := tea.KeyPressMsg{Code: []rune(k)[0], Text: k}
		switch code, ok := special[k]; {
		case k == "ctrl+c":
			msg = tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
		case k == "shift+tab":
			msg = tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
		case ok:
			msg = tea.KeyPressMsg{Code: code}
		}
		_, cmd = m.Update(msg)
	}
	return cmd
}

// text returns the screen without colours.
func text(m *Model) string {
	lines := strings.Split(ansi.Strip(m.View().Content), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n") + "\n"
}

// golden compares a text with a golden file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

// fitsScreen checks that a screen has the given size.
func fitsScreen(t *testing.T, m *Model) {
	t.Helper()
	lines := strings.Split(m.View().Content, "\n")
	if len(lines) != m.height {
		t.Errorf("%d×%d: the screen has %d lines", m.width, m.height, len(lines))
	}
	for i, line := range lines {
		if width := ansi.StringWidth(line); width > m.width {
			t.Errorf("%d×%d: line %d has %d cells: %q", m.width, m.height, i, width, line)
		}
	}
}
