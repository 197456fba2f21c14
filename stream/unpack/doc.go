// Package unpack takes containers apart in memory: archives, compressed
// streams, office documents, PDF; and says what a file really is.
//
// Detect names the types of some content by its first octets. For a container
// Open returns a Reader, which is written the container's octets as they
// arrive and tells a Sink its members:
//
//	Detect --> Open --> Reader.Write --> Sink.Open, Data, Close
//	                                     Sink.Note, Link
//
// A Reader opens one layer; who wants the next hands a member's octets to
// Detect and Open again, with the same Budget. One Budget bounds what a
// message may cost, one Memory what all messages may hold. Nothing here
// returns an error: what cannot be opened is a Note, never silence.
//
// # Files
//
// What a caller sees: reader.go (Reader, Sink, Member, Note), rules.go, type.go;
// what content is, by its octets in detect.go (marks.go, textmarks.go) and by
// its name in extension.go; open.go, and carve.go for what hides in other
// content; budget.go and memory.go.
//
// What each reader is made of: a teller (teller.go), which tells the Sink within
// the budget, and one of two ways to get octets. A format that is read as it
// comes is pulled, by a coroutine that sleeps until the next block is written
// (coroutine.go; kept.go for one that goes back); one that must be seen as a
// whole is held (held.go). What readers share is in names.go, text.go, utf16.go,
// base64.go, octets.go and addresses.go.
//
// A file or a few for each format:
//
//	compressed  deflate gzip zlib bzip2 zstd xz, lzma lzma2 lzmadecode
//	zip         zip (local headers), zipheader, zipscan (data of unknown size),
//	            zipdirectory (the other reading of a zip, compared with the first)
//	7z          sevenzip, sevendir, sevenmethod
//	RAR         rar, rarblocks, rarwalk (whether the library may be let in)
//	archives    tar tarloose cab iso apple, plist (web archives)
//	Office      ole2 (the compound file), office (what is in one), ovba, outlook,
//	            officelock, oleobject; ooxml, wordfield, activemime; onenote;
//	            rtf rtfpacked
//	PDF         pdf, pdfobject, pdflex, pdfstream, pdffilter, pdfcrypt, pdftell
//	text        contentline (calendars, contacts), shortcut, pgp
//
// Most of the work is DEFLATE, which package inflate decodes.
package unpack
