package protocol_test

import (
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
)

type desk struct{}

func (desk) Charge()   {}
func (*desk) Refund()  {}
func checkout()        {}
func generic[T any](T) {}
func function()        {}

var literal = func() {}

func TestFuncName(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]any{
		"protocol_test.checkout":    checkout,
		"protocol_test.function":    function,
		"protocol_test.desk.Charge": desk{}.Charge,
		"protocol_test.desk.Refund": (&desk{}).Refund,
		"protocol_test.generic":     generic[int],
		"strings.ToUpper":           strings.ToUpper,
		"protocol.Namespace.API":    protocol.DefaultNamespace.API,
	} {
		if got, err := protocol.FuncName(f); err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if got, err := protocol.FuncName((*desk).Refund); err != nil || got != "protocol_test.desk.Refund" {
		t.Errorf("a method expression is called %q, %v", got, err)
	}
	var none func()
	for _, f := range []any{literal, func() {}, func() func() { return func() {} }(), none, nil, 42, "checkout"} {
		if name, err := protocol.FuncName(f); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadRequest {
			t.Errorf("%T is called %q, %v", f, name, err)
		}
	}
}

func TestSignalName(t *testing.T) {
	t.Parallel()
	if got := protocol.NewSignal[int]("paid").Name(); got != "paid" {
		t.Errorf("got %q", got)
	}
}
