package pipeline

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	_ "image/gif" // so that image.Decode knows the format
	"image/jpeg"
	_ "image/png" // so that image.Decode knows the format
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/image/draw"
)

const (
	// longest is the longer side of a small picture.
	longest = 256
	// most is how many pixels a picture may have. A few bytes can claim to be a picture that fills the memory.
	most = 100 << 20
	// quality is the JPEG encoder's.
	quality = 85
)

// Picture is a small picture.
type Picture struct {
	JPEG          []byte
	Width, Height int
}

// SHA256 is the picture's digest, in hex.
func (p Picture) SHA256() string {
	sum := sha256.Sum256(p.JPEG)
	return hex.EncodeToString(sum[:])
}

// Known reports whether a file of this name is a picture that [Small] can read.
func Known(name string) bool {
	return slices.Contains([]string{".png", ".jpg", ".jpeg", ".gif"}, strings.ToLower(filepath.Ext(name)))
}

// Small makes a JPEG of at most 256 pixels a side from a PNG, a JPEG or the first frame of a GIF. A smaller picture keeps its
// size, and what is transparent becomes white.
func Small(source []byte) (Picture, error) {
	config, format, err := image.DecodeConfig(bytes.NewReader(source))
	if err != nil {
		return Picture{}, fmt.Errorf("this is no picture: %w", err)
	}
	if pixels := int64(config.Width) * int64(config.Height); pixels == 0 || pixels > most {
		return Picture{}, fmt.Errorf("a %s of %d x %d pixels is too large or empty", format, config.Width, config.Height)
	}
	large, _, err := image.Decode(bytes.NewReader(source))
	if err != nil {
		return Picture{}, fmt.Errorf("this %s is damaged: %w", format, err)
	}
	small := image.NewRGBA(fit(large.Bounds()))
	draw.Draw(small, small.Rect, image.White, image.Point{}, draw.Src)
	draw.CatmullRom.Scale(small, small.Rect, large, large.Bounds(), draw.Over, nil)
	var out bytes.Buffer
	if err := jpeg.Encode(&out, small, &jpeg.Options{Quality: quality}); err != nil {
		return Picture{}, err
	}
	return Picture{JPEG: out.Bytes(), Width: small.Rect.Dx(), Height: small.Rect.Dy()}, nil
}

// fit is the size of the small picture: the same shape, and no side longer than it may be.
func fit(r image.Rectangle) image.Rectangle {
	w, h := r.Dx(), r.Dy()
	if side := max(w, h); side > longest {
		w, h = max(w*longest/side, 1), max(h*longest/side, 1)
	}
	return image.Rect(0, 0, w, h)
}
