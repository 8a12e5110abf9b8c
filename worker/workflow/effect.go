package workflow

import (
	"encoding/binary"
	"fmt"

	"github.com/millrace-dev/millrace/protocol"
)

// SideEffect calls f and records what it returns: when the code runs again it gets the recorded value, and f is not called. It is for
// a quick look at something that may differ each time, such as a configuration in memory. f must not fail for reasons that pass, must
// not use ctx, and must not change what other code sees; whatever talks to the world belongs into an activity, or into [DoLocal].
func SideEffect[T any](ctx Context, f func() (T, error)) (T, error) {
	var value T
	payload, err := ctx.env().SideEffect(func() (protocol.Payload, error) {
		v, err := f()
		if err != nil {
			return protocol.Payload{}, err
		}
		return protocol.Encode(v)
	})
	if err != nil {
		return value, err
	}
	if err := payload.Decode(&value); err != nil {
		return value, payloadError("the value of a side effect cannot be decoded", err)
	}
	return value, nil
}

// MutableSideEffect is [SideEffect] for something that is looked at again and again and seldom changes: what f returns is recorded only
// if it differs from the last recorded value, which is returned otherwise. id names the thing within the run.
func MutableSideEffect[T comparable](ctx Context, id string, f func() (T, error)) (T, error) {
	var value T
	payload, err := ctx.env().MutableSideEffect(id, func() (protocol.Payload, error) {
		v, err := f()
		if err != nil {
			return protocol.Payload{}, err
		}
		return protocol.Encode(v)
	}, protocol.Payload.Equal)
	if err != nil {
		return value, err
	}
	if err := payload.Decode(&value); err != nil {
		return value, payloadError("the value of side effect "+id+" cannot be decoded", err)
	}
	return value, nil
}

// UUID makes a UUID of version 4 out of the run's [Rand]: a new one with each call, and the same ones when the code runs again.
func UUID(ctx Context) string {
	var b [16]byte
	r := Rand(ctx)
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// UpsertMemo sets entries of the run's memo, which list and describe show. A nil value removes one. The values must be encodable as JSON.
func UpsertMemo(ctx Context, entries map[string]any) error {
	memo := make(map[string]protocol.Payload, len(entries))
	for name, v := range entries {
		if v == nil {
			memo[name] = protocol.Null()
			continue
		}
		p, err := protocol.Encode(v)
		if err != nil {
			return payloadError("the memo "+name+" cannot be encoded", err)
		}
		memo[name] = p
	}
	ctx.env().UpsertMemo(memo)
	return nil
}

// SearchKey is the typed name of a search attribute.
type SearchKey[T protocol.SearchValue] = protocol.SearchKey[T]

// SearchAttribute is a search attribute and its value; [SearchKey] makes them.
type SearchAttribute = protocol.SearchAttribute

// NewSearchKey names a search attribute. Declare it once, as a package variable:
//
//	var Customer = workflow.NewSearchKey[string]("customer")
//	...
//	workflow.UpsertSearchAttributes(ctx, Customer.Is("Ada"))
func NewSearchKey[T protocol.SearchValue](name string) SearchKey[T] {
	return protocol.NewSearchKey[T](name)
}

// UpsertSearchAttributes sets attributes by which the run can be found; those that it does not name stay as they are.
func UpsertSearchAttributes(ctx Context, attributes ...SearchAttribute) {
	ctx.env().UpsertSearchAttributes(protocol.SearchAttributes(attributes...))
}
