package main

import (
	"math"
	"os"
	"runtime/debug"
	"syscall"

	"golang.org/x/sys/unix"
)

// noCore is the core size limit that also stops handlers behind a pipe, which
// the kernel starts at 0 but not at 1 (core(5)).
const noCore = 1

// forbidCores keeps message octets in memory from becoming a file: no core is
// written and no other process of ours may attach.
func forbidCores() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	return os.NewSyscallError("setrlimit", syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{Cur: noCore, Max: noCore}))
}

// otherDescriptors is what the process needs beside sessions: listeners,
// admin, DNS, kept server sessions on their way out.
const otherDescriptors = 256

// descriptorsFor returns how many descriptors so many sessions need, one a leg.
func descriptorsFor(sessions int) uint64 { return uint64(sessions)*2 + otherDescriptors }

// raiseDescriptors lifts the soft limit to the hard one and returns it.
func raiseDescriptors() (uint64, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, os.NewSyscallError("getrlimit", err)
	}
	if limit.Cur < limit.Max {
		limit.Cur = limit.Max
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
			return 0, os.NewSyscallError("setrlimit", err)
		}
	}
	return limit.Cur, nil
}

const (
	// memoryHeadroom is for everything that is no message and no session:
	// code, DNS, policy, log lines on their way out. 192 MiB.
	memoryHeadroom = 192 << 20
	// sessionMemory is what a busy session takes beside its window: both
	// legs' buffers and TLS. 64 KiB.
	sessionMemory = 64 << 10
)

// limitMemory tells the garbage collector to work harder before the process
// grows over what the configuration allows. GOMEMLIMIT wins.
func limitMemory(c *config) {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	limit := int64(c.Limits.Memory) + c.unpackMemory() + memoryHeadroom + int64(c.Limits.Sessions)*sessionMemory
	if len(c.Antivirus.Engines) > 0 {
		limit += int64(c.Limits.Memory) / scanShare
	}
	if limit < 0 {
		limit = math.MaxInt64
	}
	debug.SetMemoryLimit(limit)
}
