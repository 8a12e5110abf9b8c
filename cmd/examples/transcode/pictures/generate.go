//go:build ignore

// Generate draws the pictures: go generate ./cmd/examples/transcode/pictures.
package main

import (
	"bytes"
	"image"
	"image/color"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
)

// shade is a picture as a function of a point: x and y run from 0 to 1.
type shade func(x, y float64) color.RGBA

func main() {
	for name, p := range map[string]struct {
		width, height int
		shade         shade
		encode        func(io.Writer, image.Image) error
	}{
		"banner.png":     {1600, 200, gradient, png.Encode},
		"checks.gif":     {640, 640, checks, encodeGIF},
		"column.jpg":     {180, 1400, rings, encodeJPEG},
		"dot.png":        {1, 1, gradient, png.Encode},
		"julia.jpg":      {1280, 960, julia, encodeJPEG},
		"mandelbrot.png": {1024, 768, mandelbrot, png.Encode},
		"moire.png":      {700, 700, moire, png.Encode},
		"noise.png":      {900, 600, noise(), png.Encode}, // noise does not compress: larger than a NATS message of 1 MiB
		"plasma.jpg":     {1920, 1080, plasma, encodeJPEG},
		"rings.gif":      {500, 400, rings, encodeGIF},
		"thumb.jpg":      {120, 90, plasma, encodeJPEG},
		"veil.png":       {800, 500, veil, png.Encode}, // half transparent
	} {
		var file bytes.Buffer
		if err := p.encode(&file, paint(p.width, p.height, p.shade)); err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(name, file.Bytes(), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

func paint(width, height int, s shade) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			c := s(float64(x)/float64(width), float64(y)/float64(height))
			m.SetNRGBA(x, y, color.NRGBA(c))
		}
	}
	return m
}

func encodeJPEG(w io.Writer, m image.Image) error {
	return jpeg.Encode(w, m, &jpeg.Options{Quality: 80})
}

func encodeGIF(w io.Writer, m image.Image) error {
	p := image.NewPaletted(m.Bounds(), palette.Plan9)
	draw.Draw(p, p.Rect, m, image.Point{}, draw.Src)
	return gif.Encode(w, p, nil)
}

func gradient(x, y float64) color.RGBA { return color.RGBA{byte(255 * x), byte(255 * y), 128, 255} }

func checks(x, y float64) color.RGBA {
	if (int(x*16)+int(y*16))%2 == 0 {
		return color.RGBA{30, 60, 120, 255}
	}
	return color.RGBA{240, 220, 130, 255}
}

func rings(x, y float64) color.RGBA { return hue(math.Hypot(x-0.5, y-0.5) * 8) }

func moire(x, y float64) color.RGBA {
	d := math.Sin(900*(x-0.5)*(x-0.5)) * math.Sin(900*(y-0.5)*(y-0.5))
	return color.RGBA{byte(127 + 127*d), byte(127 - 127*d), 160, 255}
}

func plasma(x, y float64) color.RGBA {
	return hue((math.Sin(9*x) + math.Sin(7*y+3*x) + math.Sin(11*math.Hypot(x-0.3, y-0.6)) + 3) / 3)
}

func veil(x, y float64) color.RGBA {
	c := plasma(y, x)
	c.A = byte(255 * (1 - math.Hypot(x-0.5, y-0.5)))
	return c
}

func noise() shade {
	r := rand.New(rand.NewPCG(1, 2))
	return func(float64, float64) color.RGBA {
		v := r.Uint32()
		return color.RGBA{byte(v), byte(v >> 8), byte(v >> 16), 255}
	}
}

func mandelbrot(x, y float64) color.RGBA { return escape(0, complex(3*x-2.2, 2.25*y-1.125)) }

func julia(x, y float64) color.RGBA {
	return escape(complex(3.2*x-1.6, 2.4*y-1.2), complex(-0.8, 0.156))
}

func escape(z, c complex128) color.RGBA {
	for n := range 160 {
		if z = z*z + c; cmplx.Abs(z) > 2 {
			return hue(float64(n) / 24)
		}
	}
	return color.RGBA{0, 0, 0, 255}
}

func hue(t float64) color.RGBA {
	wave := func(phase float64) byte { return byte(127 + 127*math.Sin(2*math.Pi*(t+phase))) }
	return color.RGBA{wave(0), wave(1. / 3), wave(2. / 3), 255}
}
