package stream

import (
	"runtime"
	"strconv"
	"strings"
)

// contain is deferred by what runs beside the sessions and asks somebody
// outside: a panic there is counted, and ends nothing else (I4).
func contain() {
	if recover() != nil {
		panics.Inc()
	}
}

// panicPlace names the function and line that panicked, called from the
// deferred function that recovers.
func panicPlace() string {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	panicked := false
	for {
		f, more := frames.Next()
		if panicked && !strings.HasPrefix(f.Function, "runtime.") {
			return f.Function[strings.LastIndexByte(f.Function, '/')+1:] + ":" + strconv.Itoa(f.Line)
		}
		panicked = panicked || f.Function == "runtime.gopanic"
		if !more {
			return "unknown"
		}
	}
}
