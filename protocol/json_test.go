package protocol_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/millrace-dev/millrace/protocol"
)

// TestReadsLikeEncodingJSON: messages were read with encoding/json once, and other languages write what it accepts.
func TestReadsLikeEncodingJSON(t *testing.T) {
	t.Parallel()
	timer := protocol.TimerStarted{TimerID: "1", StartToFire: protocol.Duration(90 * time.Second), FireAt: noon, TaskCompletedID: 4}
	started := protocol.Event{ID: 5, Time: noon, Attributes: timer}
	text := protocol.Payload{Data: []byte(`{"a":[1,"x y"]}`)}
	for name, c := range map[string]struct {
		json string
		want any
	}{
		"an unknown member of an event": {
			`{"id":5,"x":{"type":"y"},"time":"2026-11-23T12:00:00.25Z","type":"TimerStarted","attributes":
			{"timer_id":"1","start_to_fire_timeout":"1m30s","fire_at":"2026-11-23T12:00:00.25Z","x":[{}],"workflow_task_completed_event_id":4}}`,
			started,
		},
		"attributes before their type": {
			`{"attributes":{"timer_id":"1","start_to_fire_timeout":90,"fire_at":"2026-11-23T12:00:00.25Z",
			"workflow_task_completed_event_id":4},"id":5,"type":"TimerStarted","time":"2026-11-23T12:00:00.25Z"}`,
			started,
		},
		"names in capitals, and escaped": {
			`{"ID":5,"Time":"2026-11-23T12:00:00.25Z","\u0074ype":"TimerStarted","ATTRIBUTES":
			{"Timer_ID":"1","START_TO_FIRE_TIMEOUT":"90s","fire_at":"2026-11-23T12:00:00.25Z","workflow_task_completed_event_id":4}}`,
			started,
		},
		"a type with an escape": {`{"type":"Cancel\u0054imer","attributes":{"timer_id":"1"}}`, protocol.Command{Attributes: protocol.CancelTimer{TimerID: "1"}}},
		"members twice": {
			`{"id":1,"id":5,"time":"2026-11-23T12:00:00.25Z","type":"TimerStarted","type":"TimerStarted","attributes":{"timer_id":"2"},
			"attributes":{"timer_id":"1","start_to_fire_timeout":90.0,"fire_at":"2026-11-23T12:00:00.25Z","workflow_task_completed_event_id":4}}`,
			started,
		},
		"null attributes":            {`{"type":"TimerFired","attributes":null}`, protocol.Event{Attributes: protocol.TimerFired{}}},
		"a command in another order": {`{"attributes":{"timer_id":"1"},"type":"CancelTimer"}`, protocol.Command{Attributes: protocol.CancelTimer{TimerID: "1"}}},
		"a command with more":        {`{"x":[],"type":"CancelTimer","attributes":{"timer_id":"1","x":1}}`, protocol.Command{Attributes: protocol.CancelTimer{TimerID: "1"}}},
		"white space in a payload":   {"{ \"data\" : { \"a\":\n[ 1,\t\"x y\" ] } }", text},
		"a payload in capitals":      {`{"Data":{"a":[1,"x y"]}}`, text},
		"a payload with more":        {`{"x":{"data":1},"data":{"a":[1,"x y"]}}`, text},
		"data twice":                 {`{"data":1,"data":{"a":[1,"x y"]}}`, text},
		"members of data twice":      {`{"data":{"a":1,"a":2}}`, protocol.Payload{Data: []byte(`{"a":1,"a":2}`)}},
		"data before its metadata":   {`{"data":"AAH+/w==","metadata":{"encoding":"binary/plain"}}`, raw},
		"lines in base64":            {`{"metadata":{"encoding":"binary/plain"},"data":"AAH+\r\n/w=="}`, raw},
		"bytes as numbers":           {`{"metadata":{"encoding":"binary/plain"},"data":[0,1,254,255]}`, raw},
		"escapes in data":            {`{"data":"\u003c\ud800\u2028"}`, protocol.Payload{Data: []byte(`"\u003c\ud800\u2028"`)}},
		"broken characters in data":  {"{\"data\":\"\xff\"}", protocol.Payload{Data: []byte("\"\xff\"")}},
		"broken characters":          {"{\"type\":\"CancelTimer\",\"attributes\":{\"timer_id\":\"\xff\"}}", protocol.Command{Attributes: protocol.CancelTimer{TimerID: "\ufffd"}}},
		"no payload":                 {`null`, protocol.Payload{}},
		"null for anything": {
			`{"activity_id":"1","input":null,"headers":null,"retry_policy":null,"scheduled_event_id":null}`,
			protocol.ActivityTask{ActivityID: "1"},
		},
		"a failure with more": {
			`{"message":"no","x":1,"cause":{"message":"why","y":{}}}`,
			protocol.Failure{Message: "no", Cause: &protocol.Failure{Message: "why"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for by, unmarshal := range map[string]func([]byte, any) error{"protocol": protocol.Unmarshal, "encoding/json": json.Unmarshal} {
				got := reflect.New(reflect.TypeOf(c.want))
				if err := unmarshal([]byte(c.json), got.Interface()); err != nil {
					t.Errorf("%s: %v", by, err)
				} else if d := cmp.Diff(c.want, got.Elem().Interface()); d != "" {
					t.Errorf("%s: -want +got:\n%s", by, d)
				}
			}
		})
	}
}

func TestRefusesWhatIsNotUnderstood(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		json string
		into any
		code protocol.Code // when it is one of ours
	}{
		"a new event":               {`{"id":1,"type":"Invented","attributes":{}}`, new(protocol.Event), protocol.CodeUnsupported},
		"a new event, inside":       {`{"events":[{"attributes":{},"type":"Invented"}]}`, new(protocol.Record), protocol.CodeUnsupported},
		"a new command":             {`{"commands":[{"type":"Invented"}]}`, new(protocol.WorkflowTaskAnswer), protocol.CodeUnsupported},
		"an event without a type":   {`{"attributes":{}}`, new(protocol.Event), protocol.CodeUnsupported},
		"an event without the rest": {`{"type":"TimerFired"}`, new(protocol.Event), protocol.CodeBadRequest},
		"an event of two types": {
			`{"type":"TimerFired","attributes":{"timer_id":"1"},"type":"TimerCanceled"}`, new(protocol.Event), protocol.CodeBadRequest,
		},
		"an event that is none":     {`[]`, new(protocol.Event), ""},
		"half an event":             {`{"id":1,"type":"TimerFired","attributes":{"timer_id":"1"}`, new(protocol.Event), ""},
		"two events":                {`{"type":"TimerFired","attributes":{}}{}`, new(protocol.Event), ""},
		"a duration that is none":   {`{"type":"StartTimer","attributes":{"start_to_fire_timeout":"soon"}}`, new(protocol.Command), ""},
		"a duration that is a list": {`{"type":"StartTimer","attributes":{"start_to_fire_timeout":[1]}}`, new(protocol.Command), ""},
		"a number that is none":     {`{"attempt":"1"}`, new(protocol.ActivityTask), ""},
		"broken base64":             {`{"metadata":{"encoding":"binary/plain"},"data":"?"}`, new(protocol.Payload), ""},
		"broken data":               {`{"data":{"a":}}`, new(protocol.Payload), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := protocol.Unmarshal([]byte(c.json), c.into)
			if err == nil {
				t.Fatalf("%s was read as %+v", c.json, c.into)
			}
			if c.code != "" && protocol.AsError(err).Code != c.code {
				t.Errorf("got %v (%s), want code %s", err, protocol.AsError(err).Code, c.code)
			}
		})
	}
	if _, err := protocol.Marshal(protocol.Payload{Data: []byte(`{"a":1}, "b":2`)}); err == nil {
		t.Error("data that is not JSON was written")
	}
	late := protocol.Event{ID: 1, Time: noon.AddDate(8000, 0, 0), Attributes: protocol.TimerFired{}}
	if _, err := protocol.Marshal(late); err == nil {
		t.Error("a time that RFC 3339 has no form for was written")
	}
}

// likeEncodingJSON holds what was written of a message to what encoding/json writes, and reads that.
func likeEncodingJSON(t *rapid.T, v any, written []byte) {
	var want bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(plain(v)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(spelled(want.String()), spelled(string(written))); d != "" {
		t.Fatalf("-encoding/json +protocol:\n%s", d)
	}
	back := reflect.New(reflect.TypeOf(v))
	if err := protocol.Unmarshal(want.Bytes(), back.Interface()); err != nil {
		t.Fatalf("%v in %s", err, want.String())
	}
	if again, err := protocol.Marshal(back.Interface()); err != nil || spelled(string(again)) != spelled(string(written)) {
		t.Fatalf("%s was read and written as %s, %v", want.String(), again, err)
	}
}

// plain is an event or a command as encoding/json would see it without their methods.
func plain(v any) any {
	switch v := v.(type) {
	case protocol.Event:
		return struct {
			ID         int64              `json:"id"`
			Time       time.Time          `json:"time"`
			Type       protocol.EventType `json:"type"`
			Attributes any                `json:"attributes"`
		}{v.ID, v.Time, v.Type(), v.Attributes}
	case protocol.Command:
		return struct {
			Type       protocol.CommandType `json:"type"`
			Attributes any                  `json:"attributes"`
		}{v.Type(), v.Attributes}
	}
	return v
}

// spelled makes the two ways to write the line separators of Unicode, and what is not UTF-8, the same.
func spelled(s string) string {
	return strings.NewReplacer("\n", "", `\u2028`, "\u2028", `\u2029`, "\u2029", `\ufffd`, "\ufffd").Replace(s)
}

// TestConcurrentMessagesStayApart: values on their way are lent from pools, and nobody may see another's.
func TestConcurrentMessagesStayApart(t *testing.T) {
	t.Parallel()
	for _, s := range events {
		e := protocol.Event{ID: 1, Time: noon, Attributes: as[protocol.EventAttributes](t, s.value)}
		for range 4 {
			t.Run(string(e.Type()), func(t *testing.T) {
				t.Parallel()
				bare := protocol.Event{ID: 2, Time: noon, Attributes: as[protocol.EventAttributes](t, reflect.Zero(reflect.TypeOf(s.value)).Interface())}
				for _, want := range []protocol.Event{e, bare, e} {
					data, err := protocol.Marshal(want)
					if err != nil {
						t.Fatal(err)
					}
					var got protocol.Event
					if err := protocol.Unmarshal(data, &got); err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(want, got); d != "" {
						t.Fatalf("-want +got:\n%s", d)
					}
				}
			})
		}
	}
}

// TestConcurrentValuesStayApart: so are the buffers that values are written to, and one whose value cannot be written leaves nothing behind.
func TestConcurrentValuesStayApart(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"a", "<b>", strings.Repeat("long", 100_000)} {
		t.Run(text[:1], func(t *testing.T) {
			t.Parallel()
			var all []protocol.Payload
			for range 20 {
				p, err := protocol.Encode([]string{text})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := protocol.Encode([]any{text, func() {}}); err == nil {
					t.Fatal("a function was encoded")
				}
				all = append(all, p)
			}
			for _, p := range all {
				if want := `["` + text + `"]`; string(p.Data) != want {
					t.Fatalf("got %.40s, want %.40s", p.Data, want)
				}
			}
		})
	}
}
