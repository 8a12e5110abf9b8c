package protocol

import (
	"math"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Duration is a time.Duration that reads and writes as "1h30m" in JSON. A JSON number is read as seconds.
type Duration time.Duration

// String formats the duration as Go does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalJSON writes the duration as a string such as "1.5s".
func (d Duration) MarshalJSON() ([]byte, error) { return Marshal(d) }

// MarshalJSONTo is MarshalJSON for an encoder.
func (d Duration) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.String(d.String()))
}

// UnmarshalJSON reads "1.5s", or a number of seconds.
func (d *Duration) UnmarshalJSON(b []byte) error { return Unmarshal(b, d) }

// UnmarshalJSONFrom is UnmarshalJSON for a decoder.
func (d *Duration) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	v, err := dec.ReadToken()
	switch {
	case err != nil:
		return err
	case v.Kind() == '"':
		parsed, err := time.ParseDuration(v.String())
		if err != nil {
			return notADuration(strconv.Quote(v.String()))
		}
		*d = Duration(parsed)
		return nil
	case v.Kind() == '0':
		seconds, err := strconv.ParseFloat(v.String(), 64)
		if err != nil || math.Abs(seconds) >= math.MaxInt64/float64(time.Second) {
			return notADuration(v.String())
		}
		*d = Duration(seconds * float64(time.Second))
		return nil
	case v.Kind() == 'n':
		return nil
	}
	return notADuration(kinds[v.Kind()])
}

func notADuration(what string) error {
	return Errorf(CodeBadRequest, "%.40s is no duration: write a string such as %q, or a number of seconds", what, "1m30s")
}
