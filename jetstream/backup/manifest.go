package backup

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// Version is the version of the layout of a backup.
const Version = 1

// Files of a backup beside those of the streams.
const (
	manifestFile = "manifest.json"
	sumsFile     = "SHA256SUMS"
)

// Manifest says what a backup contains.
type Manifest struct {
	Version   int       `json:"version"`
	Namespace string    `json:"namespace"`
	Began     time.Time `json:"began"`
	Ended     time.Time `json:"ended"`
	// Record is the version of the records in it.
	Record int `json:"record_version"`
	// Effects says of each shard up to which record its effects were performed when the backup began.
	Effects []uint64 `json:"effects"`
	// Streams are the streams, in the order in which they were taken.
	Streams []Stream `json:"streams"`
	// Described are the descriptions of objects that were written while the backup was taken.
	Described []jetstream.Description `json:"described,omitempty"`
}

// Stream is a stream of a backup.
type Stream struct {
	Name  string `json:"name"`
	File  string `json:"file"`
	Bytes int64  `json:"bytes"` // of the file
	jetstream.Snapshot
}

// Bytes is how long the files of the streams are.
func (m Manifest) Bytes() (n int64) {
	for _, s := range m.Streams {
		n += s.Bytes
	}
	return n
}

// Progress says how far a backup or a restore has come.
type Progress struct {
	Stream string  // that it is at
	Part   float64 // of the whole, from 0 to 1
	Bytes  int64   // of files written or read
}

// Read checks a backup and returns its manifest.
func Read(dir string) (Manifest, error) {
	sums, err := readSums(dir)
	if err != nil {
		return Manifest{}, err
	}
	for name, want := range sums {
		got, err := sumOf(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return Manifest{}, damaged(dir, "%s is missing", name)
		}
		if err != nil {
			return Manifest{}, err
		}
		if got != want {
			return Manifest{}, damaged(dir, "%s is not what was written", name)
		}
	}
	var m Manifest
	data, err := os.ReadFile(filepath.Join(dir, manifestFile)) //nolint:gosec // the user's directory
	if err != nil {
		return m, err
	}
	if err := protocol.Unmarshal(data, &m); err != nil {
		return m, damaged(dir, "%s cannot be read: %v", manifestFile, err)
	}
	if m.Version != Version || m.Record > protocol.RecordVersion {
		return m, protocol.Errorf(protocol.CodeUnsupported, "%s is a backup of a newer version", dir).WithHint("use a newer millrace")
	}
	for _, s := range m.Streams {
		if sums[s.File] == "" {
			return m, damaged(dir, "%s is in no list", s.File)
		}
	}
	return m, nil
}

func readSums(dir string) (map[string]string, error) {
	f, err := os.Open(filepath.Join(dir, sumsFile)) //nolint:gosec // the user's directory
	if errors.Is(err, fs.ErrNotExist) {
		return nil, protocol.Errorf(protocol.CodeBadRequest,
			"%s is no backup, or one that did not come to its end: it has no %s", dir, sumsFile).
			WithHint("millrace backup DIR makes one")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sums := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		if !ok || name != filepath.Base(name) {
			return nil, damaged(dir, "%s cannot be read", sumsFile)
		}
		sums[name] = sum
	}
	if sums[manifestFile] == "" {
		return nil, damaged(dir, "%s does not tell of %s", sumsFile, manifestFile)
	}
	return sums, nil
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the user's directory
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func damaged(dir, what string, args ...any) error {
	return protocol.Errorf(protocol.CodeCorrupt, "the backup in "+dir+" is damaged: "+what, args...).
		WithHint("use another backup; `sha256sum -c %s` in its directory says which of its files are whole", sumsFile)
}
