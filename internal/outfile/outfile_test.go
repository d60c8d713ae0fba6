package outfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"souk/internal/outfile"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s has %q, %v, want %q", path, got, err, want)
	}
}

func TestWriteKeepsSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	for _, target := range []string{"there", "new"} {
		if target == "there" {
			write(t, filepath.Join(dir, target), "before")
		}
		link := filepath.Join(dir, "to-"+target)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if err := outfile.Write(link, []byte("after")); err != nil {
			t.Fatal(err)
		}
		if to, err := os.Readlink(link); err != nil || to != target {
			t.Errorf("the link names %q, %v, want %q", to, err, target)
		}
		expect(t, filepath.Join(dir, target), "after")
	}
}

// A reader of the file that was there has all of it.
func TestWriteReplacesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "before")
	open, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if err := outfile.Write(path, []byte("after")); err != nil {
		t.Fatal(err)
	}
	var text [16]byte
	if n, err := open.Read(text[:]); err != nil || string(text[:n]) != "before" {
		t.Errorf("the reader got %q, %v", text[:n], err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got the mode %v, %v, want that of the file before", info.Mode(), err)
	}
	expect(t, path, "after")
}

// Where no other file can be made, the file is written in place.
func TestWriteWritesInPlace(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, strings.Repeat("n", 250)) // there is no longer name
	if err := outfile.Write(long, []byte("after")); err != nil {
		t.Error(err)
	}
	expect(t, long, "after")
	path := filepath.Join(dir, "file")
	write(t, path, "before")
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	if err := outfile.Write(path, []byte("after")); err != nil {
		t.Error(err)
	}
	expect(t, path, "after")
	if os.Geteuid() == 0 {
		return // root can write to the directory
	}
	fresh := filepath.Join(dir, "fresh")
	if err := outfile.Write(fresh, nil); err == nil || !strings.Contains(err.Error(), fresh+": permission denied; make it writable, or name another file") {
		t.Errorf("got error %v", err)
	}
}

func TestWriteNamesTheMissingDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	err := outfile.Write(filepath.Join(dir, "file"), nil)
	if err == nil || !strings.HasSuffix(err.Error(), ": the directory "+dir+" does not exist; create it") {
		t.Errorf("got error %v", err)
	}
}

func TestAmongFindsAFileUnderEachName(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "a", "")
	write(t, "b", "")
	for name, make := range map[string]func(from, to string) error{"symbolic": os.Symlink, "hard": os.Link} {
		if err := make("b", name); err != nil {
			t.Fatal(err)
		}
	}
	for path, want := range map[string]string{"b": "b", "./b": "b", "symbolic": "b", "hard": "b", "new": "", os.DevNull: ""} {
		if got := outfile.Among(path, "a", "b", "new", os.DevNull); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// What a shell writes to the same open file, before and after, is kept.
func TestWriteContinuesDescriptors(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("there is no /proc")
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	want := ""
	add := func(text string) {
		t.Helper()
		if _, err := log.WriteString(text); err != nil {
			t.Fatal(err)
		}
		want += text
	}
	link := filepath.Join(t.TempDir(), "link")
	number := strconv.Itoa(int(log.Fd()))
	if err := os.Symlink("/dev/fd/"+number, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/proc/self/fd/" + number, "/dev/fd/" + number, fmt.Sprintf("/proc/%d/fd/%s", os.Getpid(), number), link} {
		add("before ")
		if err := outfile.Write(path, []byte("written ")); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		want += "written "
		add("after\n")
	}
	expect(t, log.Name(), want)
}
