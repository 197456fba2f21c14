package mime

// regrow moves held content to where it has room for size octets, if hold
// allows as many; nil: nobody counts. Both stand while it is copied.
func regrow(held []byte, size int, hold func(n int) bool) ([]byte, bool) {
	if hold != nil && !hold(size) {
		return held, false
	}
	grown := append(make([]byte, 0, size), held...)
	unhold(held, hold)
	return grown, true
}

// unhold tells hold that content is held no longer.
func unhold(held []byte, hold func(n int) bool) {
	if hold != nil && cap(held) > 0 {
		hold(-cap(held))
	}
}
