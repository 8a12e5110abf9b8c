package protocol

import (
	"bytes"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// formDepth is how many forms lie within each other at most. What is deeper is left to the engine, which knows where to end.
const formDepth = 200

// writer writes by forms.
type writer struct {
	buf   []byte
	err   error // the first
	depth int
	deep  bool // some of it was left to the engine because of its depth
	// The last time that was written, and how: the events of a step have one time mostly.
	time  time.Time
	timed []byte
}

var writers = sync.Pool{New: func() any { return &writer{} }}

// write writes a value by its form. deep says that not all of it was: it may be nested deeper than anybody reads.
func write(f *form, v reflect.Value) (data []byte, deep bool, err error) {
	w := writers.Get().(*writer) //nolint:forcetypeassert // nothing else is in there
	w.buf, w.err, w.depth, w.deep = w.buf[:0], nil, 0, false
	w.value(f, v)
	if w.err == nil {
		data = bytes.Clone(w.buf)
	}
	deep, err = w.deep, w.err
	if cap(w.buf) <= bufferKeeps {
		writers.Put(w)
	}
	return data, deep, err
}

// marshalTo writes what has a form where the engine has come upon it.
func marshalTo(enc *jsontext.Encoder, ptr any) error {
	v := reflect.ValueOf(ptr).Elem()
	data, _, err := write(formOf(v.Type()), v)
	if err != nil {
		return err
	}
	return enc.WriteValue(data)
}

func (w *writer) value(f *form, v reflect.Value) {
	switch f.shape {
	case text:
		w.text(v.String())
	case whole:
		w.buf = strconv.AppendInt(w.buf, v.Int(), 10)
	case natural:
		w.buf = strconv.AppendUint(w.buf, v.Uint(), 10)
	case truth:
		w.buf = strconv.AppendBool(w.buf, v.Bool())
	case moment:
		t, _ := reflect.TypeAssert[time.Time](v)
		w.moment(t)
	case span:
		w.text(time.Duration(v.Int()).String())
	case payload:
		p, _ := reflect.TypeAssert[Payload](v)
		w.payload(p)
	case event:
		e, _ := reflect.TypeAssert[Event](v)
		w.event(e)
	case command:
		c, _ := reflect.TypeAssert[Command](v)
		w.command(c)
	case pointer, list, object:
		w.compound(f, v)
	case fraction:
		w.fraction(v.Float())
	default:
		w.left(v.Interface())
	}
}

// compound writes what has values within it.
func (w *writer) compound(f *form, v reflect.Value) {
	w.depth++
	defer func() { w.depth-- }()
	switch {
	case w.depth > formDepth:
		w.deep = true
		w.left(v.Interface())
	case f.shape == object:
		w.object(f, v)
	case v.IsNil():
		w.add("null")
	case f.shape == pointer:
		w.value(f.elem, v.Elem())
	default:
		w.list(f, v)
	}
}

func (w *writer) object(f *form, v reflect.Value) {
	w.add("{")
	for i := range f.fields {
		m := &f.fields[i]
		if value := v.Field(m.index); !m.omits(value) {
			w.member(m.start)
			w.value(m.form, value)
		}
	}
	w.add("}")
}

// member begins the next member of an object.
func (w *writer) member(start string) {
	if w.buf[len(w.buf)-1] != '{' {
		w.add(",")
	}
	w.add(start)
}

func (w *writer) list(f *form, v reflect.Value) {
	w.add("[")
	for i := range v.Len() {
		if i > 0 {
			w.add(",")
		}
		w.value(f.elem, v.Index(i))
	}
	w.add("]")
}

// Events, commands and payloads say themselves what they look like: see [Event.UnmarshalJSONFrom] for how they are read.

func (w *writer) event(e Event) {
	w.add(`{"id":`)
	w.buf = strconv.AppendInt(w.buf, e.ID, 10)
	w.add(`,"time":`)
	w.moment(e.Time)
	w.add(`,"type":`)
	w.attributes(eventTypes[e.Type()], e.Attributes)
}

func (w *writer) command(c Command) {
	w.add(`{"type":`)
	w.attributes(commandTypes[c.Type()], c.Attributes)
}

// attributes writes the name of a type, and what is of that type.
func (w *writer) attributes(values *scratch, a any) {
	w.text(values.name)
	w.add(`,"attributes":`)
	w.value(values.form(), reflect.ValueOf(a))
	w.add("}")
}

func (w *writer) payload(p Payload) {
	w.add("{")
	if len(p.Metadata) > 0 {
		w.member(`"metadata":`)
		w.left(p.Metadata)
	}
	if len(p.Data) > 0 {
		w.member(`"data":`)
		if p.Encoding() == EncodingJSON {
			w.raw(p.Data)
		} else {
			w.left(p.Data)
		}
	}
	if p.Blob != nil {
		w.member(`"blob":`)
		w.left(p.Blob)
	}
	w.add("}")
}

func (w *writer) add(s string) { w.buf = append(w.buf, s...) }

func (w *writer) text(s string) {
	if !plainText(s) {
		w.buf, _ = jsontext.AppendQuote(w.buf, s) // the error says that some of it was no text, and is replaced
		return
	}
	w.buf = append(append(append(w.buf, '"'), s...), '"')
}

func (w *writer) moment(t time.Time) {
	if t != w.time || len(w.timed) == 0 {
		text, err := t.AppendText(append(w.timed[:0], '"'))
		if err != nil {
			w.timed = w.timed[:0]
			w.fail(err)
			return
		}
		w.time, w.timed = t, append(text, '"')
	}
	w.buf = append(w.buf, w.timed...)
}

// fractionsWhole is up to where a number without a fraction is written as such.
const fractionsWhole = 1 << 53

func (w *writer) fraction(n float64) {
	if i := int64(n); float64(i) == n && i != 0 && -fractionsWhole < i && i < fractionsWhole {
		w.buf = strconv.AppendInt(w.buf, i, 10)
		return
	}
	w.left(n)
}

// raw writes what should be JSON.
func (w *writer) raw(data []byte) {
	if plainJSON(data, 0, formDepth) == len(data) {
		w.buf = append(w.buf, data...)
		return
	}
	w.left(jsontext.Value(data))
}

// left has the engine write a value.
func (w *writer) left(v any) {
	data, err := json.Marshal(v, wire)
	if err != nil {
		w.fail(err)
	}
	w.buf = append(w.buf, data...)
}

func (w *writer) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}
