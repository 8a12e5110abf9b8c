package protocol_test

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
)

func ExampleToken() {
	fmt.Println(protocol.Token("order-42"), protocol.Token("Ada Lovelace"), protocol.Token("shop.orders"))
	// Output: order-42 Ada=20Lovelace shop=2Eorders
}

func ExampleNamespace_Input() {
	shard := protocol.Shard("order-42", 8)
	fmt.Println(protocol.DefaultNamespace.Input(shard, protocol.KindSignal, "order-42"))
	// Output: mr.default.in.4.signal.order-42
}

func ExampleEncode() {
	for _, v := range []any{map[string]int{"lamps": 2}, []byte("raw"), nil} {
		p, err := protocol.Encode(v)
		if err != nil {
			fmt.Println(err)
			return
		}
		data, err := protocol.Marshal(p)
		fmt.Println(string(data), err)
	}
	// Output:
	// {"data":{"lamps":2}} <nil>
	// {"metadata":{"encoding":"binary/plain"},"data":"cmF3"} <nil>
	// {"data":null} <nil>
}

func ExampleRetryPolicy_Delay() {
	p := protocol.RetryPolicy{MaximumInterval: 10 * second}.Normalize()
	for attempt := 1; attempt <= 5; attempt++ {
		fmt.Print(p.Delay(attempt), " ")
	}
	// Output: 1s 2s 4s 8s 10s
}

// What went wrong in an activity reaches the workflow as a tree, and errors.As finds each part of it.
func ExampleFailure() {
	var f protocol.Failure
	err := json.Unmarshal([]byte(`{
		"message": "activity shop.Charge failed",
		"activity": {"activity_type": "shop.Charge", "activity_id": "1", "retry_state": "MaximumAttemptsReached"},
		"cause": {"message": "card declined", "application": {"type": "shop.Declined"}}
	}`), &f)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(&f)
	if app, ok := errors.AsType[*protocol.ApplicationFailure](&f); ok {
		fmt.Println(app.Type)
	}
	// Output:
	// activity shop.Charge failed: card declined
	// shop.Declined
}

func ExampleError_Is() {
	err := fmt.Errorf("describe: %w", protocol.Errorf(protocol.CodeNotFound, "there is no workflow %q", "order-42"))
	fmt.Println(errors.Is(err, protocol.ErrNotFound))
	// Output: true
}

func ExampleFuncName() {
	name, err := protocol.FuncName(ExampleFuncName)
	fmt.Println(name, err)
	_, err = protocol.FuncName(func() {})
	fmt.Println(protocol.AsError(err).Hint)
	// Output:
	// protocol_test.ExampleFuncName <nil>
	// declare it as a function, or register it with worker.Named
}
