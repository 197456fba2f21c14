package mime

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"sluice/internal/smtptest"
)

// A counting Sink keeps nothing.
type counting struct {
	parts, fields, defects int
	data                   int64
	rules                  map[string]bool
}

func (s *counting) Open(*Part)             { s.parts++ }
func (s *counting) Field(*Part, Field)     { s.fields++ }
func (s *counting) Data(_ *Part, b []byte) { s.data += int64(len(b)) }
func (s *counting) Close(*Part)            {}
func (s *counting) Defect(_ *Part, d Defect) {
	s.defects++
	s.rules[d.Rule+" "+string("LMHX"[d.Class])] = true
}

// costly is mail that means to cost much, of about n octets, with the rule
// that must tell.
func costly(n int) []struct{ name, message, rule string } {
	mixed := func(b string) string { return "Content-Type: multipart/mixed; boundary=\"" + b + "\"\n" }
	fill := func(s string) string { return strings.Repeat(s, max(n/len(s), 1)) }
	var nested, views strings.Builder
	for i := range 40 {
		nested.WriteString(mixed(strings.Repeat("a", i+1)) + "\n--" + strings.Repeat("a", i+1) + "\n")
	}
	views.WriteString(mixed("b0"))
	for i := range 7 {
		views.WriteString(mixed(fmt.Sprintf("b%d", i+1)))
	}
	views.WriteString("\n")
	for i := range 8 {
		fmt.Fprintf(&views, "--b%d\nContent-Transfer-Encoding: quoted-printable\nContent-Transfer-Encoding: base64\n\n", i)
	}
	deep := ""
	for range 19 {
		deep += "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n"
	}
	return []struct{ name, message, rule string }{
		{"parts", mixed("b") + "\n" + fill("--b\n\nx\n"), "limit.parts X"},
		{"parts without header", mixed("b") + "\n" + fill("--b\n"), "limit.parts X"},
		{"uuencoded files", "\n" + fill("begin 644 x\n#,3(S\n`\nend\n"), "limit.parts X"},
		{"header, one field", "Subject: " + fill("x"), "limit.header H"},
		{"header, folded", "Subject: x\n" + fill(" x\n"), "limit.header H"},
		{"header, many fields", fill("X: y\n"), "limit.header H"},
		{"header, types", fill("Content-Type: text/x\n"), "limit.header H"},
		{"header, odd lines", fill("odd\n"), "mime.field M"},
		{"header, blank lines", "Subject: x\n" + fill(" \n"), "mime.header_end L"},
		{"header, bare CRs", fill("X: y\r"), "limit.header H"},
		{"parameters", "Content-Type: text/plain" + fill("; a=b") + "\n\n", "limit.header H"},
		{"comments", "Content-Type: text/plain " + fill("(") + "\n\n", "limit.header H"},
		{"parameters, in one field's limit", strings.Repeat("Content-Type: text/plain"+strings.Repeat("; a=b", 15000)+"\n", max(n/75000, 1)), "mime.param H"},
		{"comments, in one field's limit", strings.Repeat("Content-Type: text/plain "+strings.Repeat("(", 90000)+"\n", max(n/90000, 1)), "mime.duplicate H"},
		{"quotes, in one field's limit", strings.Repeat("Content-Type: text/plain; "+strings.Repeat("a=\"", 30000)+"\n", max(n/90000, 1)), "mime.duplicate H"},
		{"sections", strings.Repeat("Content-Type: text/plain"+strings.Repeat("; a*9=b", 12000)+"\n", max(n/84000, 1)), "mime.duplicate H"},
		{"words", strings.Repeat("Content-Type: text/plain; name=\""+strings.Repeat("=?a?q?", 15000)+"\"\n", max(n/90000, 1)), "mime.duplicate H"},
		{"From", strings.Repeat("From: "+strings.Repeat("\"\\", 45000)+"\n", max(n/90000, 1)), "from.multiple M"},
		{"boundary lines", nested.String() + fill("--"+strings.Repeat("a", 45)+"\n"), "mime.boundary M"},
		{"near boundary lines", mixed(strings.Repeat("a", 1000)) + "\n" + fill("--"+strings.Repeat("a", 999)+"\n"), "mime.no_boundary H"},
		{"dashes", mixed("b") + "\n--b\n\n" + fill("--\n"), ""},
		{"closes", mixed("b") + "\n--b\n\n" + fill("--b--\n"), ""},
		{"many readings", views.String() + fill("eHh4eHh4\n"), "mime.views X"},
		{"many readings, dashes", views.String() + fill("--\n"), "mime.views X"},
		{"deep encodings", deep + "\n" + fill("xxxxxxxx\n"), "mime.encoding H"},
		{"line ends", mixed("b") + "\n--b\n\n" + fill("\n"), ""},
		{"one line", mixed("b") + "\n" + fill("-"), "mime.no_boundary H"},
		{"text like a header", "\n" + fill("X: y\n"), ""},
	}
}

// What costly mail leaves in memory and tells does not grow with it.
func TestCostlyMailIsBounded(t *testing.T) {
	for _, c := range costly(smtptest.Rounds(2 << 20)) {
		t.Run(c.name, func(t *testing.T) {
			s := &counting{rules: map[string]bool{}}
			p := new(Parser)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			parse(p, s, []byte(c.message))
			runtime.ReadMemStats(&after)
			if c.rule != "" && !s.rules[c.rule] {
				t.Errorf("rules %v, want %s", s.rules, c.rule)
			}
			if s.parts > DefaultParts+2*DefaultDepth || s.defects > 40*defectsTold || s.fields > 10*DefaultFields {
				t.Errorf("told %+v", s)
			}
			// The message itself was copied for this test.
			if n := after.TotalAlloc - before.TotalAlloc - uint64(len(c.message)); n > 24<<20 {
				t.Errorf("%d KiB allocated", n>>10)
			}
		})
	}
}

// BenchmarkCostly is beside "text" of BenchmarkParser: none may cost 100 times
// as much an octet.
func BenchmarkCostly(b *testing.B) {
	for _, c := range costly(1 << 20) {
		message := []byte(c.message)
		b.Run(strings.ReplaceAll(c.name, " ", "_"), func(b *testing.B) {
			p := new(Parser)
			b.SetBytes(int64(len(message)))
			for b.Loop() {
				parse(p, silent{}, message)
			}
		})
	}
}

// A message that costs too much is read to its end once, and it is said.
func TestWorkIsBounded(t *testing.T) {
	for _, c := range costly(1 << 20) {
		s := &counting{rules: map[string]bool{}}
		p := &Parser{Limits: Limits{Work: 100 << 10}}
		parse(p, s, []byte(crlf(c.message)))
		many := strings.HasPrefix(c.name, "many readings") || c.name == "deep encodings"
		if many && !s.rules["mime.views X"] {
			t.Errorf("%s: rules %v", c.name, s.rules)
		}
		if s.data > 3<<20 {
			t.Errorf("%s: %d octets told", c.name, s.data)
		}
	}
	plain := &counting{rules: map[string]bool{}}
	p := &Parser{Limits: Limits{Work: 1}}
	parse(p, plain, []byte(crlf(mails["html"])))
	if len(plain.rules) > 0 {
		t.Errorf("good mail: %v", plain.rules)
	}
}
