package mime

// AppendWords appends a field's value to dst as UTF-8, unfolded and with its
// encoded words (RFC 2047) decoded, as tolerantly as file names are.
func AppendWords(dst, value []byte) []byte {
	dst, _ = decodeWords(dst, value)
	return dst
}
