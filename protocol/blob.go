package protocol

import (
	"encoding/hex"
	"strings"
)

// Blob refers to a file in the namespace's object store. It is a value as any other: it can be, or be in, the input or the result of a
// workflow or an activity, a signal, an update or a memo, and is as small as it looks, whatever the size of the file. A run that it is
// recorded in keeps the file from being collected.
//
// Who has a handle can read the file: it is opened with activity.OpenBlob or client.OpenBlob.
type Blob struct {
	// Name is the object's name in the store: what [BlobName] makes of the digest of the bytes that are stored.
	Name string `json:"name"`
	// Size is the number of bytes that a reader gets.
	Size int64 `json:"size"`
	// SHA256 is the hex digest of the bytes that are stored, verified by whoever reads them.
	SHA256 string `json:"sha256"`
	// Encoding names what the file passed through on its way to the store, first one first, separated by "+": zstd+aes-gcm. Empty means
	// that it is stored as it is.
	Encoding string `json:"encoding,omitempty"`
	// Offset is where in the object the bytes begin: values that were large only together share one.
	Offset int64 `json:"offset,omitempty"`
	// Stored is the number of bytes that are stored, when there is an encoding.
	Stored int64 `json:"stored,omitempty"`
}

// blobPrefix is what the names of blobs begin with.
const blobPrefix = "sha256-"

// BlobName is the name of the object whose bytes have that SHA-256.
func BlobName(sum []byte) string { return blobPrefix + hex.EncodeToString(sum) }

// StoredSize is the number of bytes that are stored.
func (b Blob) StoredSize() int64 {
	if b.Encoding != "" {
		return b.Stored
	}
	return b.Size
}

// Shared reports whether the bytes are only a part of the object, with others before or behind them.
func (b Blob) Shared() bool {
	return strings.HasPrefix(b.Name, blobPrefix) && b.Name[len(blobPrefix):] != b.SHA256
}
