package headers

import "testing"

func TestDisguise(t *testing.T) {
	for text, want := range map[string]disguise{
		"Bank of Nowhere": plainText,
		"Grüße aus Köln":  plainText,
		"Привет, Maria":   plainText,
		"Ελληνικά":        plainText,
		"mail-почта":      plainText, // as Russian joins them
		"mail почта":      plainText,
		"Pаypal":          mixedText, // with a Cyrillic а
		"Ρaypal":          mixedText, // with a Greek Ρ
		"𝐁𝐚𝐧𝐤":            styledText,
		"Pay\u200Bpal":    hiddenText,
		"Pay\u00ADpal":    hiddenText,
		"\u202Elapyap":    reversedText,
		"family 👨‍👩‍👧 and flag 🏳️": plainText,
		"نمی\u200Cخواهم":           plainText,
		"\u200Fשלום":               plainText,
		"":                         plainText,
	} {
		if got := disguiseOf([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, disguiseWords[got], disguiseWords[want])
		}
	}
}

func TestCapitals(t *testing.T) {
	for text, want := range map[string]bool{
		"MAKE MONEY FAST": true, "RFC 5322": false, "URGENT!": false, "MAKE MONEY fast": false, "INTERNATIONALIZATION": false,
		"RE: URGENT BUSINESS": true, "": false, "ПРИВЕТ ПРИВЕТ": false,
	} {
		if got := capitals([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestUnfold(t *testing.T) {
	for text, want := range map[string]string{
		" a": "a", " a\r\n b": "a b", "\r\n\ta\r\n": "a", "": "", "a\nb": "ab",
	} {
		if got := string(unfold(nil, []byte(text))); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
