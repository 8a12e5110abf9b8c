package aesgcm

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/millrace-dev/millrace/protocol"
)

// KeySize is the length of a key in bytes.
const KeySize = 32

// Ring is the keys of a codec: one to write with, and any number to read with.
type Ring struct {
	active string
	keys   map[string]cipher.AEAD
	raw    map[string][]byte // the keys of files are derived from them
}

// NewRing makes a ring of keys by their IDs, each of [KeySize] random bytes; active is the ID of the one to write with. An ID is written
// beside each payload that its key has encrypted, in plain text.
//
// To change keys while runs are open, first give the new one to every worker and client beside the old one, then make it the active one
// everywhere, and take the old one away when no history that it has written is left. One key should write no more than 2^32 payloads.
func NewRing(active string, keys map[string][]byte) (*Ring, error) {
	r := &Ring{active: active, keys: make(map[string]cipher.AEAD, len(keys)), raw: make(map[string][]byte, len(keys))}
	for id, key := range keys {
		r.raw[id] = bytes.Clone(key)
		if len(key) != KeySize {
			return nil, protocol.Errorf(protocol.CodeBadRequest, "key %q has %d bytes, not %d", id, len(key), KeySize).
				WithHint("make one with: head -c 32 /dev/urandom | base64")
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		if r.keys[id], err = cipher.NewGCMWithRandomNonce(block); err != nil {
			return nil, err
		}
	}
	if r.keys[active] == nil {
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the active key %q is not in the ring, which has %s", active, r.ids())
	}
	return r, nil
}

// ParseRing reads a ring from JSON, as it may lie in a file or an environment variable:
//
//	{"active": "k2", "keys": {"k1": "<base64 of 32 bytes>", "k2": "..."}}
func ParseRing(data []byte) (*Ring, error) {
	var file struct {
		Active string            `json:"active"`
		Keys   map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(data, &file); err != nil { // without the text of the error, which may quote a key
		return nil, protocol.Errorf(protocol.CodeBadRequest, "the keys are not written as JSON").
			WithHint(`{"active": "k1", "keys": {"k1": "<base64 of 32 bytes>"}}`)
	}
	keys := make(map[string][]byte, len(file.Keys))
	for id, text := range file.Keys {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, protocol.Errorf(protocol.CodeBadRequest, "key %q is not written as base64", id)
		}
		keys[id] = key
	}
	return NewRing(file.Active, keys)
}

// ids lists the keys for a message. Only their names are ever shown.
func (r *Ring) ids() string {
	if len(r.keys) == 0 {
		return "no keys"
	}
	return strings.Join(slices.Sorted(maps.Keys(r.keys)), ", ")
}

// String names the keys and shows none.
func (r *Ring) String() string { return "keys " + r.ids() + ", active " + r.active }

// GoString is String, so that %#v shows no key either.
func (r *Ring) GoString() string { return r.String() }
