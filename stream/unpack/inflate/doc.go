// Package inflate decodes DEFLATE (RFC 1951), the compression of zip, gzip,
// zlib and PDF, and so most of what an attachment costs.
//
//	bufio.Reader --> Decoder.Next --> pieces of its window, until io.EOF
//	             --> Tell --> the same, to a function
//
// A Decoder takes its input where it lies in the bufio.Reader and not an octet
// more than the stream has: what follows it is read there next. It gives its
// output where it lies in the window. Neither is copied.
//
// It takes every stream that zlib's users take in practice, which is what
// compress/flate and its descendants take, and it gives all octets before a
// defect. Headers and checksums are the caller's.
package inflate
