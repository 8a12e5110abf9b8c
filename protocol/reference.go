package protocol

import (
	"bytes"
	"iter"
	"slices"
	"strings"
)

// A reference to an object of the namespace's object store is a text: what [BlobName] makes of the object's content. It stands in plain
// JSON wherever a value refers to the object, be it the payload itself or a handle inside a user's value. So whoever has the bytes
// of a message knows what it refers to, without knowing what it means.

const (
	digestLength = 64
	nameLength   = len(blobPrefix) + digestLength
	// probe is how far apart bytes are looked at. Of any two digits of a digest that are this far apart, at least one is looked at.
	probe = digestLength / 2

	// maxNamed is the most references that the header of a record names, and manyBlobs what it says of a record that has more.
	maxNamed  = 50
	manyBlobs = "many"
)

// BlobNames finds the references to objects in the bytes of a message: each name once, in order. It returns nil for most messages, and
// takes some 60 ns for 1.5 KB: it looks at every 32nd byte, because a digest has 64 digits in a row. To look for the text takes six times
// that.
func BlobNames(data []byte) []string {
	var names []string
	for name := range references(data) {
		if !slices.Contains(names, string(name)) {
			names = append(names, string(name))
		}
	}
	return names
}

// references finds the names of objects in some bytes, wherever they begin.
func references(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for at := nameLength - digestLength + probe - 1; at < len(data); at += probe {
			if !isHex(data[at]) || !isHex(data[at-probe/2]) {
				continue
			}
			start := at
			for start > 0 && start > at-digestLength && isHex(data[start-1]) {
				start--
			}
			end := start + digestLength
			if end > len(data) || !bytes.HasSuffix(data[:start], []byte(blobPrefix)) || !allHex(data[start:end]) {
				continue
			}
			if !yield(data[start-len(blobPrefix) : end]) {
				return
			}
			at = end - 1
		}
	}
}

// BlobsHeader is the value of [HeaderBlobs] for a record that refers to these objects; empty when there are none.
func BlobsHeader(names []string) string {
	if len(names) > maxNamed {
		return manyBlobs
	}
	return strings.Join(names, ",")
}

// ParseBlobsHeader reads a [HeaderBlobs]. Many says that there are too many to be named: the record itself tells.
func ParseBlobsHeader(value string) (names []string, many bool) {
	switch value {
	case "":
		return nil, false
	case manyBlobs:
		return nil, true
	}
	return strings.Split(value, ","), false
}

// hexDigits are the bytes that a digest is made of. A table, because a branch would be mispredicted half of the time.
var hexDigits = func() (digits [256]bool) {
	for _, c := range "0123456789abcdef" {
		digits[c] = true
	}
	return digits
}()

func isHex(c byte) bool { return hexDigits[c] }

func allHex(data []byte) bool {
	for _, c := range data {
		if !isHex(c) {
			return false
		}
	}
	return true
}
