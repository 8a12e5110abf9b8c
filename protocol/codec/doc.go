// Package codec turns payloads into others on their way out of a program, and back on their way in: it compresses and encrypts what
// orchestrators, streams and buckets hold. Codecs work at the edges only, in workers and in clients; nothing in between reads a payload.
//
// Packages zstd and aesgcm are codecs. A worker and its clients are given the same ones, in the same order:
//
//	codecs := []codec.Codec{zstd.New(), aesgcm.New(keys)}
//	w := worker.New(nc, "orders", worker.Codec(codecs...), ...)
//	c, err := client.New(nc, client.Codec(codecs...))
package codec
