package unpack

import (
	"bytes"
	"testing"
)

var plainText = bytes.Repeat([]byte("Dear reader, this is quite an ordinary line of text.\r\n"), 100)
var plainHTML = append([]byte("<!DOCTYPE html>\r\n<html><head><style>p { color: #123; width: 100% }</style></head>"),
	bytes.Repeat([]byte("<p class=\"x\">An ordinary paragraph &amp; more</p>\r\n"), 100)...)

func BenchmarkDetect(b *testing.B) {
	for name, head := range map[string][]byte{"text": plainText[:HeadSize], "html": plainHTML[:HeadSize]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Detect(head)
			}
		})
	}
}

func TestDetectPlainAllocatesNothing(t *testing.T) {
	for _, head := range [][]byte{plainText[:HeadSize], plainHTML[:HeadSize]} {
		if n := testing.AllocsPerRun(100, func() { Detect(head) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	}
}
