package wire_test

import (
	"fmt"

	"sluice/stream/wire"
)

// A session's view of a command: line, verb, argument, and what goes to the
// server, which is built anew.
func ExampleParseMail() {
	line, _, _ := wire.Line([]byte("mail From: <@old.example:\"a b\"@B.Example> body=8bitmime SIZE=1200\r\n"))
	verb, arg := wire.ParseCommand(line)
	mail, err := wire.ParseMail(arg, wire.Size|wire.EightBitMIME)
	fmt.Println(verb, mail.From, err)
	fmt.Printf("%q\n", mail.AppendTo(nil, wire.Size))

	_, err = wire.ParseMail([]byte("FROM:<a@b.example> SIZE=much"), wire.Size)
	fmt.Printf("%q\n", wire.ReplyForParse(err).AppendTo(nil))
	// Output:
	// MAIL [address] <nil>
	// "MAIL FROM:<\"a b\"@b.example> SIZE=1200\r\n"
	// "501 5.5.4 Bad parameter value\r\n"
}

// A server's reply on its way to the sender.
func ExampleReply() {
	r, n, err := wire.ParseReply([]byte("550-No such\x1b[2J user\r\n550 Sorry\r\n250 next"))
	fmt.Println(n, err)
	fmt.Printf("%q\n", r.Sanitised().WithID("0123456789ABC.1").AppendTo(nil))
	// Output:
	// 33 <nil>
	// "550-5.0.0 No such?[2J user\r\n550 5.0.0 Sorry (id=0123456789ABC.1)\r\n"
}

// Message data comes in any pieces. What Scan leaves over is put before the
// next octets.
func ExampleFramer() {
	var f wire.Framer
	var rest []byte
	for _, piece := range []string{"Hello\r\n.", ".dot\r\nbye\r", "\n.\r\nQUIT\r\n"} {
		p := append(rest, piece...)
		content, n, done := f.Scan(p, nil)
		rest = p[n:]
		fmt.Printf("%q done %v, left over %q\n", content, done, rest)
	}
	// Output:
	// ["Hello\r\n"] done false, left over "."
	// [".dot\r\nbye"] done false, left over "\r"
	// ["\r\n"] done true, left over "QUIT\r\n"
}
