// Package smtptest is the test support for both of Sluice's legs: dialog
// scripts, a scripted server, a raw client, certificates, leak checks, virtual
// time and canaries. It knows SMTP only from the RFCs and shares no code with
// the package it tests: a second reading of the wire is its worth.
//
// # Dialogs
//
// A dialog is a text file that drives senders and servers around one running
// proxy. Every line belongs to a side. Order counts within a side; the sides
// run at the same time.
//
//	S> text      the sender sends text and CRLF; neighbouring S> lines leave in one write
//	S|           ends a write, so that what follows leaves in another
//	S< pattern   the sender must get this reply, all of its lines
//	S? offers X  the last reply listed the keyword X (S? lacks X: it did not)
//	S~ pattern   any number of replies that match, up to the first that does not
//	U> pattern   the server must get this line, or these octets
//	U< text      the server sends text and CRLF; neighbouring U< lines leave in one write
//	U~ A B       the server may get any number of the commands A and B, and says
//	             250; as a side's last line, until the connection ends
//	S= label     waits until every side that names the label has come to it
//	S+ [from ADDRESS]   the sender opens its next connection
//	R: pattern   one transaction's record, in order; see Instance.Records
//
// S2, S3 … are further senders, each with its own connection, which opens at
// the side's first line that is not a label. U, V, W and X are hosts; U2 is the
// second connection that host U accepts. A line that begins with # is a comment.
//
// Actions, for a sender or a server:
//
//	S! hello [NAME]      greeting, EHLO and its reply (default client.test)
//	U! hello A B C       greeting, EHLO (LHLO on an LMTP route) and these keywords in reply
//	S! envelope [RCPT …]      MAIL and RCPT, all accepted (default canary-rcpt@y.test)
//	S! transaction [RCPT …]   the same and DATA, up to the 354
//	U! envelope          any RSET and NOOP, MAIL and one RCPT, all accepted
//	U! transaction       the same with any number of RCPT, and DATA, up to the 354
//	S! recorded N        waits until N transactions of this dialog are recorded
//	S! close | reset | half-close
//	S! closed            the other side closed, and nothing was left to read
//	                     (a server may get a QUIT before)
//	U! closed, no terminator    it closed inside a message that never ended
//	U! closed between chunks    chunks came and were answered, the last did not
//	S! tls               TLS handshake as client; S! tls, fails: it must not succeed
//	U! tls [untrusted|wrongname][, fails]    handshake as server
//	S! shutdown          the proxy is asked to stop; nobody waits for it here
//
// Text knows \r \n \t \0 \\ \* \{ \xNN and, at the end of a line, \c: no CRLF
// is added. In braces:
//
//	{repeat N text}      text, N times
//	{lines N}            N lines of 76 letters and CRLF, the last without its CRLF
//	{crlf.crlf}          CRLF . CRLF
//	{gtube} {eicar}      the two harmless test signatures
//	{file NAME}          octets of testdata/NAME
//	{chunk text}         BDAT with the text's length, and text (CRLF is not added)
//	{last text}          the same with LAST
//
// A pattern is text in which * stands for any octets of the same line or
// reply, and which also knows
//
//	{id}        the "(id=…)" that ends replies from MAIL on
//	{session}   a session's id
//
// and, each alone on its line, for servers:
//
//	{trace}     the header fields the proxy put in front: at least its Received;
//	            clean, folded, at most 8 KiB
//	{message}   lines up to and with the end of data
//	{part}      some octets of a message, but not its end
//	{chunks}    BDAT commands to the last; each but the last is answered 250, and
//	            the U> lines up to the next U< are matched against the content
//
// U? trace has TEXT and U? trace lacks TEXT look at the last {trace}.
//
// A sender's side that does not end with close, closed or reset sends QUIT and must get 221 and the end of the connection: that proves both
// ends in step. A server's side may get RSET, NOOP and QUIT after its last line;
// anything else, as a second transaction, fails the dialog. So do a connection
// the script does not know, a scripted one nobody made, and unread octets.
//
// Lines before the first side's line prepare the proxy:
//
//	route DOMAIN[,DOMAIN] HOST[:PRIORITY] … [tls=MODE] [protocol=lmtp]
//	      [identity=KIND] [tenant=NAME] [max_message=N] [max_connections=N]
//	      (none at all: "route y.test U tls=none"; tls=none unless it says so)
//	host V down          nothing listens there
//	learn DOMAIN A B C   what the domain's servers offered when the proxy asked
//	                     them at its start; without such a line, nothing
//	variants plain bytewise tls lookahead0   (default: the first three)
//	set NAME VALUE       see DialogSetup; limit.NAME, timeout.NAME and
//	                     shutdown.NAME set one field of the proxy's limits
//
// A variant repeats the dialog: bytewise writes one octet at a time, tls has
// every sender talk through implicit TLS, lookahead0 sets the window to nothing.
package smtptest
