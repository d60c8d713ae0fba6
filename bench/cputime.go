package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is USER_HZ, in which Linux reports processor times on all usual platforms.
const ticksPerSecond = 100

// A processStat is what /proc/PID/stat tells of a process (proc_pid_stat(5)).
type processStat struct {
	pid, parent int
	cpu         time.Duration // user and system time of all its threads
}

func parseStat(text []byte) (processStat, error) {
	// The second field is the name in parentheses, which may have spaces and parentheses.
	end := bytes.LastIndexByte(text, ')')
	begin := bytes.IndexByte(text, '(')
	if begin < 0 || end < begin {
		return processStat{}, fmt.Errorf("the state of a process has no name: %q", text)
	}
	const parentField, userField, systemField = 1, 11, 12 // after the name
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) <= systemField {
		return processStat{}, fmt.Errorf("the state of a process has %d fields: %q", len(fields), text)
	}
	var numbers [4]int
	for i, s := range []string{strings.TrimSpace(string(text[:begin])), fields[parentField], fields[userField], fields[systemField]} {
		n, err := strconv.Atoi(s)
		if err != nil {
			return processStat{}, fmt.Errorf("reading the state of a process: %w", err)
		}
		numbers[i] = n
	}
	return processStat{numbers[0], numbers[1], time.Duration(numbers[2]+numbers[3]) * time.Second / ticksPerSecond}, nil
}

// readProcesses returns all processes of this machine.
func readProcesses() ([]processStat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("there are no processes in /proc: the benchmark reads processor times there, as Linux has them")
	}
	var list []processStat
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		stat, err := parseStat(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		list = append(list, stat)
	}
	return list, nil
}

// family returns a process and its descendants.
func family(all []processStat, pid int) []processStat {
	var members []processStat
	in := map[int]bool{pid: true}
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if in[p.parent] && !in[p.pid] {
				in[p.pid], grown = true, true
			}
		}
	}
	for _, p := range all {
		if in[p.pid] {
			members = append(members, p)
		}
	}
	return members
}

// usage returns the processor time that a process and its descendants have used, and their
// resident memory in bytes.
func usage(pid int) (cpu time.Duration, resident int64, err error) {
	all, err := readProcesses()
	if err != nil {
		return 0, 0, err
	}
	for _, p := range family(all, pid) {
		cpu += p.cpu
		resident += readResident(p.pid)
	}
	return cpu, resident, nil
}

// readResident returns the resident memory of a process, or 0 if it has ended.
func readResident(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
