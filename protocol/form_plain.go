package protocol

import (
	"strings"
	"unicode/utf8"
)

// What is plain means itself: it is written as it is, and read as it is written.

// special are the bytes within a string that may not be, or not mean, themselves.
var special = func() (special [256]bool) {
	for c := range special {
		special[c] = c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf
	}
	return special
}()

// plainText reports whether text needs no escapes within quotes.
func plainText(s string) bool {
	ascii := true
	for i := range len(s) {
		switch c := s[i]; {
		case !special[c]:
		case c >= utf8.RuneSelf:
			ascii = false
		default:
			return false
		}
	}
	return ascii || utf8.ValidString(s)
}

// textEnd returns where the string ends that begins at i, behind its quote, and whether it means itself; or -1 when it is none.
func textEnd(data []byte, i int) (end int, plain bool) {
	if i >= len(data) || data[i] != '"' {
		return -1, false
	}
	ascii, plain := true, true
	for j := i + 1; j < len(data); j++ {
		switch c := data[j]; {
		case !special[c]:
		case c >= utf8.RuneSelf:
			ascii = false
		case c == '\\':
			plain = false
			if j = escapeEnd(data, j); j < 0 {
				return -1, false
			}
		case c == '"' && (ascii || utf8.Valid(data[i:j])):
			return j + 1, plain
		default:
			return -1, false
		}
	}
	return -1, false
}

// escapeEnd returns where the last byte is of the escape that begins at i, or -1 when it is none.
func escapeEnd(data []byte, i int) int {
	const hexDigits = 4
	switch i++; {
	case i >= len(data):
		return -1
	case data[i] != 'u':
		if strings.IndexByte(`"\/bfnrt`, data[i]) < 0 {
			return -1
		}
		return i
	case len(data)-i <= hexDigits:
		return -1
	}
	for _, c := range data[i+1 : i+1+hexDigits] {
		if c-'0' > 9 && c|' '-'a' > 'f'-'a' { //nolint:mnd // digits
			return -1
		}
	}
	return i + hexDigits
}

// plainJSON returns where the JSON value ends that begins at i, or -1 when it is none, is nested deeper than that, or has white space
// between its tokens.
func plainJSON(data []byte, i, depth int) int {
	if i >= len(data) || depth == 0 {
		return -1
	}
	switch data[i] {
	case '"':
		end, _ := textEnd(data, i)
		return end
	case '{':
		return plainList(data, i, '}', depth-1)
	case '[':
		return plainList(data, i, ']', depth-1)
	case 't':
		return wordEnd(data, i, "true")
	case 'f':
		return wordEnd(data, i, "false")
	case 'n':
		return wordEnd(data, i, "null")
	}
	return numberEnd(data, i)
}

// plainList is plainJSON for an array, or for an object, whose end has a brace.
func plainList(data []byte, i int, end byte, depth int) int {
	if i++; i < len(data) && data[i] == end {
		return i + 1
	}
	for i < len(data) {
		if end == '}' {
			if i, _ = textEnd(data, i); i < 0 || i >= len(data) || data[i] != ':' {
				return -1
			}
			i++
		}
		if i = plainJSON(data, i, depth); i < 0 || i >= len(data) {
			return -1
		}
		switch data[i] {
		case end:
			return i + 1
		case ',':
			i++
		default:
			return -1
		}
	}
	return -1
}

func wordEnd(data []byte, i int, word string) int {
	if len(data)-i < len(word) || string(data[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// numberEnd returns where the number ends that begins at i, or -1 when it is none.
func numberEnd(data []byte, i int) int {
	if i < len(data) && data[i] == '-' {
		i++
	}
	from := i
	if i = digitsEnd(data, i); i < 0 || data[from] == '0' && i > from+1 {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		if i = digitsEnd(data, i+1); i < 0 {
			return -1
		}
	}
	if i < len(data) && (data[i] == 'e' || data[i] == 'E') {
		if i++; i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		return digitsEnd(data, i)
	}
	return i
}

// digitsEnd returns where the digits end that begin at i, or -1 when there are none.
func digitsEnd(data []byte, i int) int {
	from := i
	for i < len(data) && data[i]-'0' <= 9 {
		i++
	}
	if i == from {
		return -1
	}
	return i
}
