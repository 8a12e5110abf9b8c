package main

import (
	"os"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
)

// codecs are those that the key file stands for: values are shown decrypted, and encrypted when they are sent. Without one they are shown
// as they are stored, which says with which key.
func (a *app) codecs() ([]codec.Codec, error) {
	if a.KeyFile == "" {
		return nil, nil
	}
	data, err := os.ReadFile(a.KeyFile)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the key file cannot be read: %v", err)
	}
	ring, err := aesgcm.ParseRing(data)
	if err != nil {
		return nil, err
	}
	return []codec.Codec{zstd.New(), aesgcm.New(ring)}, nil
}
