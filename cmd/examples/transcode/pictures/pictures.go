// Package pictures holds a dozen pictures of every kind that the pipeline knows: large and small, wide and tall, one that
// is larger than a NATS message, one that is half transparent, one of a single pixel.
package pictures

import "embed"

//go:generate go run generate.go

// Files are the pictures.
//
//go:embed *.png *.jpg *.gif
var Files embed.FS
