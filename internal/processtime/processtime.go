// Package processtime reads from /proc what processes have used of the processors, which works on Linux
// only. Own is the time of this process on all kinds of Unix.
package processtime

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is USER_HZ, the unit in which Linux reports processor times on all usual platforms.
const tick = time.Second / 100

// A processStat is what /proc/PID/stat tells of a process (proc_pid_stat(5)).
type processStat struct {
	pid, parent int
	cpu         time.Duration // user and system time of all its threads
	ended       time.Duration // the same of its children that have ended
}

func parseStat(text []byte) (processStat, error) {
	// The second field is the name in parentheses, which may have spaces and parentheses.
	end := bytes.LastIndexByte(text, ')')
	begin := bytes.IndexByte(text, '(')
	if begin < 0 || end < begin {
		return processStat{}, fmt.Errorf("the state of a process has no name: %q", text)
	}
	// After the name: the times are utime, stime, cutime and cstime.
	const parentField, firstTime, afterTimes = 1, 11, 15
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < afterTimes {
		return processStat{}, fmt.Errorf("the state of a process has %d fields: %q", len(fields), text)
	}
	var numbers [6]int
	for i, s := range append([]string{strings.TrimSpace(string(text[:begin])), fields[parentField]}, fields[firstTime:afterTimes]...) {
		n, err := strconv.Atoi(s)
		if err != nil {
			return processStat{}, fmt.Errorf("reading the state of a process: %w", err)
		}
		numbers[i] = n
	}
	return processStat{numbers[0], numbers[1], time.Duration(numbers[2]+numbers[3]) * tick, time.Duration(numbers[4]+numbers[5]) * tick}, nil
}

// readProcesses returns all processes of this machine.
func readProcesses() ([]processStat, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("there are no processes in /proc: processor times are read there, as Linux has them")
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

// Of returns the processor time that a process and its descendants have used, including those that
// have ended, and their resident memory in bytes. It fails if the process has ended.
func Of(pid int) (cpu time.Duration, resident int64, err error) {
	all, err := readProcesses()
	if err != nil {
		return 0, 0, err
	}
	members := family(all, pid)
	if len(members) == 0 {
		return 0, 0, fmt.Errorf("reading the processor time of process %d: it has ended", pid)
	}
	for _, p := range members {
		cpu += p.cpu + p.ended
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

// Idle returns how long the processors of the machine had nothing to do.
func Idle() (time.Duration, error) {
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
