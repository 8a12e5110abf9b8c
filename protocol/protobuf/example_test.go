package protobuf_test

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/millrace-dev/millrace/protocol"
)

// A message is encoded in its own way wherever a value is.
func Example() {
	p, err := protocol.Encode(durationpb.New(90 * time.Second))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Encoding(), p.Metadata["messageType"])
	var d *durationpb.Duration
	err = p.Decode(&d)
	fmt.Println(d.AsDuration(), err)
	// Output:
	// binary/protobuf google.protobuf.Duration
	// 1m30s <nil>
}
