package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU time in proc(5): USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// stat holds fields of /proc/PID/stat.
type stat struct {
	parent   int
	group    int
	own      time.Duration // user and system
	children time.Duration // the same, of children that ended and were waited for
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return stat{}, err
	}
	return parseStat(text)
}

// parseStat reads "pid (name) state parent group … utime stime cutime cstime …".
// The name may hold anything.
func parseStat(text []byte) (stat, error) {
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("stat: %d fields after the name: want 15 at least", len(fields))
	}
	var n [15]int
	for _, i := range []int{1, 2, 11, 12, 13, 14} {
		v, err := strconv.Atoi(string(fields[i]))
		if err != nil {
			return stat{}, fmt.Errorf("stat: field %d: %w", i+3, err)
		}
		n[i] = v
	}
	return stat{parent: n[1], group: n[2], own: tick * time.Duration(n[11]+n[12]), children: tick * time.Duration(n[13]+n[14])}, nil
}

// cpuOf is the CPU time of one process.
func cpuOf(pid int) (time.Duration, error) {
	s, err := readStat(pid)
	return s.own, err
}

// cpuOfGroup is the CPU time of a process group whose leader waits for all
// others, as master(8) does: of those that live and those that have ended.
func cpuOfGroup(leader int) (time.Duration, error) {
	lead, err := readStat(leader)
	if err != nil {
		return 0, err
	}
	total := lead.children
	err = eachProcess(func(_ int, s stat) {
		if s.group == leader {
			total += s.own
		}
	})
	return total, err
}

// cpuOfFamily is the CPU time of a process and of its children, all living. It
// is exact where a tick is more than one of many children takes.
func cpuOfFamily(parent int) (time.Duration, error) {
	total, err := ranFor(parent)
	if err != nil {
		return 0, err
	}
	err = eachProcess(func(pid int, s stat) {
		if s.parent == parent {
			ran, _ := ranFor(pid) // it may have just ended
			total += ran
		}
	})
	return total, err
}

// eachProcess calls f for all that run.
func eachProcess(f func(pid int, s stat)) error {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if s, err := parseStat(text); err == nil {
			f(pid, s)
		}
	}
	return nil
}

// ranFor adds up /proc/PID/task/*/schedstat, whose first field is in
// nanoseconds (Documentation/scheduler/sched-stats.rst of Linux).
func ranFor(pid int) (total time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("process %d: no schedstat", pid)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // the thread has just ended
		}
		first, _, _ := bytes.Cut(text, []byte{' '})
		n, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		total += time.Duration(n)
	}
	return total, err
}

// residentOf is VmRSS of a process in bytes.
func residentOf(pid int) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: no VmRSS", pid)
}

// settledResident is VmRSS when it has not changed by a percent for two
// seconds, or after fifteen.
func settledResident(ctx context.Context, pid int) (int64, error) {
	var before int64
	still := 0
	for range 30 {
		now, err := residentOf(pid)
		if err != nil {
			return 0, err
		}
		if still++; max(now, before)-min(now, before) > now/100 {
			still, before = 0, now
		}
		if still == 4 {
			return now, nil
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return 0, err
		}
	}
	return residentOf(pid)
}

// pause waits, unless ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
