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

// reader reads by forms. Whatever it reports false for is left to the engine, with everything around it.
type reader struct {
	data  []byte
	at    int // what is read next
	depth int
	// The last time that was read, and how it was written: the events of a step have one time mostly.
	time  time.Time
	timed []byte
	// Texts that were read lately: names of types, queues and workers come again and again.
	texts [256]string
}

var readers = sync.Pool{New: func() any { return &reader{} }}

// read reads a value by its form, if it is written as this package writes it. If not, v is left half read.
func read(f *form, v reflect.Value, data []byte) bool {
	r := readers.Get().(*reader) //nolint:forcetypeassert // nothing else is in there
	defer readers.Put(r)
	r.data, r.at, r.depth = data, 0, 0
	ok := r.value(f, v) && r.at == len(data)
	r.data, r.timed = nil, nil
	return ok
}

func (r *reader) value(f *form, v reflect.Value) (ok bool) {
	switch f.shape {
	case text:
		var s []byte
		if s, ok = r.text(); ok {
			v.SetString(r.string(s))
		}
	case whole:
		var n int64
		n, ok = r.whole()
		if ok = ok && !v.OverflowInt(n); ok {
			v.SetInt(n)
		}
	case natural:
		digits, _ := r.number()
		n, err := strconv.ParseUint(string(digits), 10, 64)
		v.SetUint(n)
		ok = err == nil
	case fraction:
		ok = r.fraction(v)
	case truth:
		ok = r.word("true")
		v.SetBool(ok)
		ok = ok || r.word("false")
	case moment:
		t, _ := reflect.TypeAssert[*time.Time](v.Addr())
		ok = r.moment(t)
	case span:
		ok = r.span(v)
	case payload:
		p, _ := reflect.TypeAssert[*Payload](v.Addr())
		ok = r.payload(p)
	case event:
		e, _ := reflect.TypeAssert[*Event](v.Addr())
		ok = r.event(e)
	case command:
		c, _ := reflect.TypeAssert[*Command](v.Addr())
		ok = r.command(c)
	case pointer, list, object:
		ok = r.compound(f, v)
	default:
		ok = r.left(v.Addr().Interface())
	}
	return ok
}

// compound reads what has values within it.
func (r *reader) compound(f *form, v reflect.Value) (ok bool) {
	r.depth++
	defer func() { r.depth-- }()
	switch {
	case r.depth > formDepth:
		return false
	case f.shape == object:
		return r.object(f, v)
	case r.word("null"):
		return true
	case f.shape == pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return r.value(f.elem, v.Elem())
	}
	return r.list(f, v)
}

// object reads members in the order of the fields. One may be missing, but none may be unknown, or there twice.
func (r *reader) object(f *form, v reflect.Value) bool {
	if !r.word("{") {
		return false
	}
	if r.word("}") {
		return true
	}
	for i := range f.fields {
		m := &f.fields[i]
		if !r.word(m.start) {
			continue
		}
		switch {
		case !r.value(m.form, v.Field(m.index)):
			return false
		case r.word("}"):
			return true
		case !r.word(","):
			return false
		}
	}
	return false
}

// listBegins is for how many elements a list has room at first.
const listBegins = 4

func (r *reader) list(f *form, v reflect.Value) bool {
	if !r.word("[") {
		return false
	}
	if r.word("]") {
		v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		return true
	}
	for n := 0; ; n++ {
		if n == v.Cap() {
			v.Grow(max(n, listBegins))
		}
		v.SetLen(n + 1)
		switch {
		case !r.value(f.elem, v.Index(n)):
			return false
		case r.word("]"):
			return true
		case !r.word(","):
			return false
		}
	}
}

func (r *reader) event(e *Event) (ok bool) {
	if !r.word(`{"id":`) {
		return false
	}
	if e.ID, ok = r.whole(); !ok || !r.word(`,"time":`) || !r.moment(&e.Time) || !r.word(`,"type":`) {
		return false
	}
	e.Attributes, ok = attributes(r, eventTypes)
	return ok
}

func (r *reader) command(c *Command) (ok bool) {
	if !r.word(`{"type":`) {
		return false
	}
	c.Attributes, ok = attributes(r, commandTypes)
	return ok
}

// attributes reads the name of a type, what is of that type, and the end of the object that both are in.
func attributes[K ~string, A any](r *reader, types types[K, A]) (a A, ok bool) {
	name, ok := r.text()
	values := types[K(name)]
	if !ok || values == nil || !r.word(`,"attributes":`) {
		return a, false
	}
	p := values.borrow()
	defer values.giveBack(p)
	v := reflect.ValueOf(p).Elem()
	if !r.value(values.form(), v) || !r.word("}") {
		return a, false
	}
	return reflect.TypeAssert[A](v)
}

func (r *reader) payload(p *Payload) bool {
	if !r.word("{") {
		return false
	}
	if r.word(`"metadata":`) && (!r.left(&p.Metadata) || !r.word(",") && !r.ahead('}')) {
		return false
	}
	if r.word(`"data":`) && (!r.raw(p) || !r.word(",") && !r.ahead('}')) {
		return false
	}
	if r.word(`"blob":`) && !r.left(&p.Blob) {
		return false
	}
	return r.data[r.at-1] != ',' && r.word("}")
}

// raw reads the data of a payload.
func (r *reader) raw(p *Payload) bool {
	if p.Encoding() != EncodingJSON {
		return r.left(&p.Data)
	}
	data, ok := r.upTo(plainJSON(r.data, r.at, formDepth))
	p.Data = bytes.Clone(data)
	return ok
}

// left has the engine read a value.
func (r *reader) left(ptr any) bool {
	data, ok := r.upTo(plainJSON(r.data, r.at, formDepth))
	return ok && json.Unmarshal(data, ptr, wire) == nil
}

// upTo reads what is there up to an end, if there is one.
func (r *reader) upTo(end int) ([]byte, bool) {
	if end < 0 {
		return nil, false
	}
	data := r.data[r.at:end]
	r.at = end
	return data, true
}

// word reads what is expected, and reports whether it is there.
func (r *reader) word(s string) bool {
	_, ok := r.upTo(wordEnd(r.data, r.at, s))
	return ok
}

func (r *reader) ahead(c byte) bool { return r.at < len(r.data) && r.data[r.at] == c }

// text reads a string.
func (r *reader) text() ([]byte, bool) {
	end, plain := textEnd(r.data, r.at)
	s, ok := r.upTo(end)
	switch {
	case !ok:
		return nil, false
	case plain:
		return s[1 : len(s)-1], true
	}
	s, err := jsontext.AppendUnquote(nil, s)
	return s, err == nil
}

// textsLongest is the longest text that is kept: IDs are longer, and do not come again.
const textsLongest = 32

// string is string(s), without a copy if s was read lately.
func (r *reader) string(s []byte) string {
	n := len(s)
	if n == 0 || n > textsLongest {
		return string(s)
	}
	known := &r.texts[s[0]^s[n/2]<<2^s[n-1]<<4^byte(n)<<3] //nolint:mnd // some way to spread them
	if *known != string(s) {
		*known = string(s)
	}
	return *known
}

// number reads a number.
func (r *reader) number() ([]byte, bool) { return r.upTo(numberEnd(r.data, r.at)) }

func (r *reader) whole() (int64, bool) {
	digits, ok := r.number()
	if len(digits) == 1 { // most
		return int64(digits[0] - '0'), ok
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return n, err == nil && string(digits) != "-0"
}

func (r *reader) fraction(v reflect.Value) bool {
	digits, _ := r.number()
	n, err := strconv.ParseFloat(string(digits), 64)
	v.SetFloat(n)
	return err == nil
}

func (r *reader) moment(t *time.Time) bool {
	s, ok := r.text()
	if !ok {
		return false
	}
	if len(r.timed) == 0 || !bytes.Equal(s, r.timed) {
		if r.time.UnmarshalText(s) != nil {
			return false
		}
		r.timed = s
	}
	*t = r.time
	return true
}

func (r *reader) span(v reflect.Value) bool {
	s, ok := r.text()
	if !ok {
		return false
	}
	d, err := time.ParseDuration(string(s))
	v.SetInt(int64(d))
	return err == nil
}
