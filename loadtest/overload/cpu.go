package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the processor times in /proc: USER_HZ, which is 100 on
// every architecture that Go runs on.
const tick = time.Second / 100

// processorTime returns what the store's process and its descendants, such as
// Postgres, have used of the processors, including those that have ended.
func (s *store) processorTime() (time.Duration, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, fmt.Errorf("reading processor times: %w", err)
	}
	used := map[int]time.Duration{} // by process
	children := map[int][]int{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The second field is the name in parentheses, which may have any character.
		_, after, _ := strings.Cut(string(text), "(")
		fields := strings.Fields(after[strings.LastIndexByte(after, ')')+1:])
		process, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || len(fields) < 15 {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], process)
		for _, field := range fields[11:15] { // utime, stime, and those of children that have ended
			n, _ := strconv.ParseInt(field, 10, 64)
			used[process] += time.Duration(n) * tick
		}
	}
	root := s.process.Process.Pid
	if _, ok := used[root]; !ok {
		return 0, fmt.Errorf("reading the processor time of process %d: it has ended, or this is not Linux", root)
	}
	var total time.Duration
	for pending := []int{root}; len(pending) > 0; {
		process := pending[len(pending)-1]
		pending = append(pending[:len(pending)-1], children[process]...)
		total += used[process]
	}
	return total, nil
}

// idleTime returns how long the processors of the machine had nothing to do.
func idleTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("reading the processor times of the machine: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line) // cpu user nice system idle iowait ...
	if len(fields) < 6 {
		return 0, fmt.Errorf("reading the processor times of the machine: /proc/stat begins with %q", line)
	}
	var idle time.Duration
	for _, field := range fields[4:6] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading the processor times of the machine: %w", err)
		}
		idle += time.Duration(n) * tick
	}
	return idle, nil
}
