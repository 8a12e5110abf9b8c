package pipeline_test

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io/fs"
	"testing"

	"github.com/millrace-dev/millrace/cmd/examples/transcode/pictures"
	"github.com/millrace-dev/millrace/cmd/examples/transcode/pipeline"
)

// No side is longer than 256 pixels, the shape stays, and nothing is made larger.
func TestSizes(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]image.Point{
		"banner.png": {256, 32}, "column.jpg": {32, 256}, "dot.png": {1, 1}, "thumb.jpg": {120, 90}, "checks.gif": {256, 256},
	} {
		source, err := fs.ReadFile(pictures.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		small, err := pipeline.Small(source)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := jpeg.Decode(bytes.NewReader(small.JPEG))
		if err != nil {
			t.Fatal(err)
		}
		if got := decoded.Bounds().Size(); got != want || got != image.Pt(small.Width, small.Height) {
			t.Errorf("%s became %s, want %s", name, got, want)
		}
	}
}

// What is transparent becomes white, not black.
func TestTransparent(t *testing.T) {
	t.Parallel()
	var source bytes.Buffer
	if err := png.Encode(&source, image.NewNRGBA(image.Rect(0, 0, 8, 8))); err != nil {
		t.Fatal(err)
	}
	small, err := pipeline.Small(source.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := jpeg.Decode(bytes.NewReader(small.JPEG))
	if err != nil {
		t.Fatal(err)
	}
	if got := color.GrayModel.Convert(decoded.At(4, 4)); got != (color.Gray{Y: 255}) {
		t.Errorf("the middle is %v", got)
	}
}

func TestBadPictures(t *testing.T) {
	t.Parallel()
	dot, err := fs.ReadFile(pictures.Files, "dot.png")
	if err != nil {
		t.Fatal(err)
	}
	huge := bytes.Clone(dot)
	copy(huge[16:], []byte{0, 1, 0, 0, 0, 1, 0, 0}) // 65,536 pixels a side
	for name, source := range map[string][]byte{
		"empty": nil, "text": []byte("no picture"), "cut off": dot[:len(dot)/2], "a bomb": huge,
	} {
		if _, err := pipeline.Small(source); err == nil {
			t.Errorf("%s passed for a picture", name)
		}
	}
}
