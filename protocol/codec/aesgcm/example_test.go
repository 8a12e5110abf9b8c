package aesgcm_test

import (
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
)

// A new key is made the active one, and the old one is kept for as long as a history needs it.
func ExampleParseRing() {
	const old = `{"active": "k1", "keys": {"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}}`
	const both = `{"active": "k2", "keys": {"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
		"k2": "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="}}`
	before, err := aesgcm.ParseRing([]byte(old))
	if err != nil {
		fmt.Println(err)
		return
	}
	after, err := aesgcm.ParseRing([]byte(both))
	if err != nil {
		fmt.Println(err)
		return
	}
	sealed, err := aesgcm.New(before).Encode(protocol.Payload{Data: []byte(`"tea"`)})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(sealed)
	fmt.Println(aesgcm.New(after).Decode(sealed))
	// Output:
	// binary/aes-gcm key k1 (36 bytes)
	// "tea" <nil>
}
