package codec_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/codec"
	"github.com/millrace-dev/millrace/protocol/codec/aesgcm"
	"github.com/millrace-dev/millrace/protocol/codec/zstd"
)

// objects is an object store that counts how often it is read.
type objects struct {
	stored map[string][]byte
	reads  int
}

func (o *objects) edge(c codec.Codec) codec.Edge {
	return codec.Edge{
		Codec: c, Failures: true, Threshold: 300, Strict: true,
		Put: func(data []byte) (protocol.Blob, error) {
			sum := protocol.Payload{Data: data}.Digest()
			o.stored["sha256-"+sum] = data
			return protocol.Blob{Name: "sha256-" + sum, Size: int64(len(data)), SHA256: sum}, nil
		},
		Get: func(b protocol.Blob) (io.ReadCloser, error) {
			o.reads++
			return io.NopCloser(bytes.NewReader(o.stored[b.Name])), nil
		},
	}
}

func newEdge(t *testing.T) (codec.Edge, *objects) {
	t.Helper()
	o := &objects{stored: map[string][]byte{}}
	e := o.edge(codec.Chain(zstd.New(), aesgcm.New(ring(t, "k1"))))
	return e, o
}

// A large value is encrypted before it is stored, its digest as well, and compares with itself without being read.
func TestLargeValueComparesByItsDigest(t *testing.T) {
	t.Parallel()
	e, o := newEdge(t)
	for _, v := range []any{secret + noise(1000), []byte(secret + noise(1000))} {
		plain := encode(t, v)
		out, err := e.Seal(plain)
		if err != nil || out.Blob == nil || len(out.Data) > 0 {
			t.Fatalf("sealed as %s, %v", out, err)
		}
		wire, err := protocol.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(wire), plain.Digest()) {
			t.Error("the plain digest travels in plain text: a guess could be told from the truth")
		}
		o.reads = 0
		seen, err := e.Look(out)
		if err != nil || !seen.Equal(plain) || o.reads > 0 {
			t.Errorf("looked at, it is %s, equal %v, after %d reads, %v", seen, seen.Equal(plain), o.reads, err)
		}
		if other := encode(t, noise(1000)); seen.Equal(other) {
			t.Error("it equals another value")
		}
		back, err := e.Open(out)
		if err != nil || !cmp.Equal(back, plain) {
			t.Errorf("opened, it is %s, %v", back, err)
		}
	}
	for name, data := range o.stored {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s holds the secret", name)
		}
	}
}

// A digest and a payload cannot take each other's place, although both are encrypted with the same key.
func TestDigestIsNoPayload(t *testing.T) {
	t.Parallel()
	e, _ := newEdge(t)
	out, err := e.Seal(encode(t, noise(1000)))
	if err != nil {
		t.Fatal(err)
	}
	small, err := e.Seal(encode(t, noise(100)))
	if err != nil {
		t.Fatal(err)
	}
	packed, err := codec.Pack(small)
	if err != nil {
		t.Fatal(err)
	}
	forged := out
	forged.Metadata = map[string]string{protocol.MetadataEncoding: aesgcm.Encoding, codec.MetadataDigest: base64.StdEncoding.EncodeToString(packed)}
	if got, err := e.Look(forged); err == nil {
		t.Errorf("a forged digest gives %s", got)
	}
}

// Every payload and every text of a failure is encoded, wherever it lies, and comes back. What the value shares with a run in memory is
// not touched.
func TestNothingIsForgotten(t *testing.T) {
	t.Parallel()
	e, _ := newEdge(t)
	p := encode(t, secret)
	failure := &protocol.Failure{
		Message: secret, Stack: secret, Cause: &protocol.Failure{Message: secret, Timeout: &protocol.TimeoutFailure{LastHeartbeat: &p}},
		Application: &protocol.ApplicationFailure{Type: "T", Details: &p},
	}
	memo := map[string]protocol.Payload{"m": p}
	call := protocol.UpdateCall{UpdateID: "u", Input: p}
	values := []any{
		&protocol.WorkflowTaskAnswer{
			Commands: []protocol.Command{
				{Attributes: protocol.ScheduleActivityTask{Input: p}},
				{Attributes: protocol.StartTimer{TimerID: "1"}},
				{Attributes: protocol.StartChildWorkflowExecution{Input: p, Memo: memo}},
				{Attributes: protocol.RecordMarker{Value: p, Failure: failure}},
				{Attributes: protocol.ModifyWorkflowProperties{Memo: memo}},
				{Attributes: protocol.FailWorkflowExecution{Failure: failure}},
				{Attributes: protocol.CancelWorkflowExecution{Details: p}},
				{Attributes: protocol.ContinueAsNewWorkflowExecution{Input: p, CarriedSignals: p}},
			},
			Rejections: []protocol.UpdateRejection{{UpdateID: "u", Failure: failure}}, Failure: failure,
			Query: &protocol.WorkflowQueryAnswer{Result: p, Failure: failure},
		},
		&protocol.StartInput{Input: p, Memo: memo, Signal: &protocol.SignalInput{Input: p}, Update: &protocol.UpdateInput{UpdateCall: call}},
		&protocol.ActivityResult{Result: p, Failure: failure, LastFailure: failure},
		&protocol.Heartbeat{Details: p},
		&protocol.Verdict{Outcome: &protocol.Outcome{Result: p, Failure: failure}, Update: &protocol.UpdateOutcome{Result: p, Failure: failure}},
		&protocol.WorkflowTask{Updates: []protocol.UpdateCall{call}, Query: &protocol.WorkflowQuery{Input: p}},
		&protocol.HistoryPage{Events: []protocol.Event{
			{ID: 1, Attributes: protocol.WorkflowExecutionStarted{Input: p, Memo: memo, LastFailure: failure, CarriedSignals: p}},
			{ID: 2, Attributes: protocol.WorkflowExecutionUpdateAccepted{Request: call}},
			{ID: 3, Attributes: protocol.ActivityTaskStarted{LastFailure: failure}},
		}},
	}
	for _, v := range values {
		t.Run(reflect.TypeOf(v).Elem().Name(), func(t *testing.T) {
			t.Parallel()
			before, err := protocol.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if err := e.SealAll(v); err != nil {
				t.Fatal(err)
			}
			sealed, err := protocol.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(sealed, []byte(secret)) {
				t.Errorf("sealed, it holds the secret: %s", sealed)
			}
			if err := e.OpenAll(v); err != nil {
				t.Fatal(err)
			}
			after, err := protocol.Marshal(v)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("it comes back as\n%s, want\n%s, %v", after, before, err)
			}
		})
	}
	if failure.Message != secret || memo["m"].Encoding() != protocol.EncodingJSON || p.Encoding() != protocol.EncodingJSON {
		t.Error("sealing has changed what others share")
	}
}

// Search attributes and null stay readable: orchestrators work with them.
func TestWhatStaysReadable(t *testing.T) {
	t.Parallel()
	e, _ := newEdge(t)
	in := protocol.StartInput{
		Memo:             map[string]protocol.Payload{"gone": protocol.Null()},
		SearchAttributes: protocol.SearchAttributes(protocol.NewSearchKey[string]("city").Is("Oslo")),
	}
	want := in
	if err := e.SealAll(&in); err != nil || !cmp.Equal(in, want) {
		t.Errorf("it became %+v, %v", in, err)
	}
}

// What cannot be decoded is shown as it is to whoever only looks, and is an error for whoever replays.
func TestWithoutTheKey(t *testing.T) {
	t.Parallel()
	e, o := newEdge(t)
	p, err := e.Seal(encode(t, secret))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]codec.Codec{"no codec": nil, "another key": aesgcm.New(ring(t, "k2"))} {
		stranger := o.edge(c)
		row := protocol.Row{Memo: map[string]protocol.Payload{"m": p}}
		stranger.LookAll(&row)
		if !cmp.Equal(row.Memo["m"], p) {
			t.Errorf("%s: shown as %s", name, row.Memo["m"])
		}
		events := []protocol.Event{{ID: 5, Attributes: protocol.ActivityTaskScheduled{Input: p}}}
		err := stranger.OpenEvents(events)
		if e := protocol.AsError(err); e == nil || e.Code != protocol.CodeBadPayload || !strings.Contains(err.Error(), "k1") || e.Hint == "" {
			t.Errorf("%s: a replay gets %v", name, err)
		}
	}
}

// An error of the object store is the caller's to see.
func TestObjectStoreFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is full")
	e := codec.Edge{
		Put: func([]byte) (protocol.Blob, error) { return protocol.Blob{}, broken },
		Get: func(protocol.Blob) (io.ReadCloser, error) { return nil, broken },
	}
	in := protocol.SignalInput{Input: encode(t, "x")}
	if err := e.SealAll(&in); !errors.Is(err, broken) {
		t.Errorf("sealing: %v", err)
	}
	in.Input = protocol.Payload{Blob: &protocol.Blob{Name: "x"}}
	if err := e.OpenAll(&in); !errors.Is(err, broken) {
		t.Errorf("opening: %v", err)
	}
}

// What raw bytes refer to is said beside them, because they travel as base64.
func TestRawBytesMentionWhatTheyReferTo(t *testing.T) {
	t.Parallel()
	name := protocol.BlobName(make([]byte, 32))
	raw := protocol.Payload{
		Metadata: map[string]string{protocol.MetadataEncoding: protocol.EncodingBinary}, Data: []byte("\x0a\x47" + name),
	}
	sealed, err := codec.Edge{Threshold: 1000}.Seal(raw)
	if err != nil {
		t.Fatal(err)
	}
	wire, err := protocol.Marshal(sealed)
	if err != nil {
		t.Fatal(err)
	}
	if got := protocol.BlobNames(wire); len(got) != 1 || got[0] != name {
		t.Errorf("%s refers to %v", wire, got)
	}
	if !sealed.Equal(raw) {
		t.Error("it is another value")
	}
}
