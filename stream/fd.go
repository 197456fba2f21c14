package stream

import (
	"io"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The descriptors of package net never block, so these calls end as soon as
// the kernel has copied. They are made without telling the scheduler: what it
// does around a call that might block (and its watcher, after 20 µs) costs
// more than most of them.

// maxPieces is how many pieces leave in one system call: trace fields, the
// chunks of a window and the terminator are seven.
const maxPieces = 16

// readFD reads what is there.
func readFD(fd uintptr, p []byte) (int, error) {
	for {
		n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return 0, errWouldBlock
		case errno != 0:
			return 0, os.NewSyscallError("read", errno)
		case n == 0:
			return 0, io.EOF
		default:
			return int(n), nil
		}
	}
}

// writeFD writes as much of bufs as there is room for, at least one octet.
func writeFD(fd uintptr, bufs net.Buffers) (int, error) {
	var pieces [maxPieces]unix.Iovec
	n := 0
	for _, b := range bufs[:min(len(bufs), maxPieces)] {
		if len(b) > 0 {
			pieces[n].Base = unsafe.SliceData(b)
			pieces[n].SetLen(len(b))
			n++
		}
	}
	for n > 0 {
		written, _, errno := unix.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&pieces)), uintptr(n))
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return 0, errWouldBlock
		case errno != 0:
			return 0, os.NewSyscallError("writev", errno)
		default:
			return int(written), nil
		}
	}
	return 0, nil
}

// peekFD looks whether a read would give an octet or the end (nil), fail, or
// wait (errWouldBlock).
func peekFD(fd uintptr) error {
	var b [1]byte
	for {
		_, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(&b)), 1, unix.MSG_PEEK|unix.MSG_DONTWAIT, 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno == unix.EAGAIN:
			return errWouldBlock
		case errno != 0:
			return os.NewSyscallError("recvfrom", errno)
		default:
			return nil
		}
	}
}
