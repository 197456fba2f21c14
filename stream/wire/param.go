package wire

// eachParam calls f for every "KEYWORD" or "KEYWORD=value" in b (RFC 5321
// section 4.1.2, esmtp-param). value is nil without "=". Keywords that are not
// of letters, digits and hyphens are ErrSyntax, as is an empty value.
func eachParam(b []byte, f func(keyword, value []byte) error) error {
	for {
		b = skipBlank(b)
		if len(b) == 0 {
			return nil
		}
		end := 0
		for end < len(b) && (isAlnum(b[end]) || b[end] == '-') {
			end++
		}
		keyword := b[:end]
		if end == 0 || keyword[0] == '-' {
			return ErrSyntax
		}
		b = b[end:]
		var value []byte
		if len(b) > 0 && b[0] == '=' {
			end = 1
			for end < len(b) && !isBlank(b[end]) {
				end++
			}
			value, b = b[1:end], b[end:]
			if len(value) == 0 {
				return ErrParamValue
			}
		}
		if len(b) > 0 && !isBlank(b[0]) {
			return ErrSyntax
		}
		if err := f(keyword, value); err != nil {
			return err
		}
	}
}

// A paramRule says what one parameter needs and does. set gets a value that is
// nil exactly if value is false.
type paramRule[T any] struct {
	keyword string
	needs   Extensions
	value   bool // has one
	set     func(t *T, value []byte, offered Extensions) error
}

// setParams applies rules to every parameter in b, each at most once.
func setParams[T any](t *T, rules []paramRule[T], b []byte, offered Extensions) error {
	var seen uint
	return eachParam(b, func(keyword, value []byte) error {
		for i, rule := range rules {
			if !foldEqual(keyword, rule.keyword) || !offered.Has(rule.needs) {
				continue
			}
			if seen&(1<<i) != 0 {
				return ErrParamTwice
			}
			seen |= 1 << i
			if rule.value != (value != nil) {
				return ErrParamValue
			}
			return rule.set(t, value, offered)
		}
		return ErrParameter
	})
}
