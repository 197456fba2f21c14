// Package hostile makes mail that means to get past a filter: one case or more
// for each way in which mail programs, archives and documents have hidden
// content from scanners, and mail that means to exhaust who scans it. It is
// for tests only, and knows nothing of the program: every format is written
// here a second time, from its specification.
//
//	Cases()      what has to be found, refused or at least noted
//	Resources()  what has to end, in bounded memory
//
// Where a scanner has to find something, it is the EICAR test file, put
// together at run time, so that no file of ours trips a scanner. Messages are
// octets after unstuffing, lines end in CRLF.
package hostile
