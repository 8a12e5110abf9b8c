package protocol

import (
	"encoding/json"
	"maps"
	"time"
)

// SearchValue is a type that a search attribute can have.
type SearchValue interface {
	string | int | int64 | float64 | bool | time.Time | []string
}

// SearchKey is the typed name of a search attribute. Declare it once, as a package variable.
type SearchKey[T SearchValue] struct{ name string }

// NewSearchKey names a search attribute.
func NewSearchKey[T SearchValue](name string) SearchKey[T] { return SearchKey[T]{name: name} }

// Name is the attribute's name.
func (k SearchKey[T]) Name() string { return k.name }

// Is gives the attribute a value.
func (k SearchKey[T]) Is(v T) SearchAttribute {
	data, err := marshalValue(v)
	if err != nil {
		data = nil // a NaN: there is no such number in JSON
	}
	metadata := map[string]string{MetadataEncoding: EncodingJSON, "type": searchType(v)}
	return SearchAttribute{Name: k.name, Value: Payload{Data: data, Metadata: metadata}}
}

// Gone removes the attribute.
func (k SearchKey[T]) Gone() SearchAttribute { return SearchAttribute{Name: k.name, Value: Null()} }

// In reads the attribute out of a run's; ok is false when it has none of that name and type.
func (k SearchKey[T]) In(attributes map[string]Payload) (v T, ok bool) {
	p, ok := attributes[k.name]
	if !ok || json.Unmarshal(p.Data, &v) != nil {
		return v, false
	}
	return v, true
}

// SearchAttribute is a search attribute and its value.
type SearchAttribute struct {
	Name  string
	Value Payload
}

// SearchAttributes puts attributes into the form in which they travel.
func SearchAttributes(attributes ...SearchAttribute) map[string]Payload {
	m := make(map[string]Payload, len(attributes))
	for _, a := range attributes {
		m[a.Name] = a.Value
	}
	return m
}

// searchType names the type of a search attribute, as Temporal does.
func searchType(v any) string {
	switch v.(type) {
	case int, int64:
		return "Int"
	case float64:
		return "Double"
	case bool:
		return "Bool"
	case time.Time:
		return "Datetime"
	case []string:
		return "KeywordList"
	}
	return "Keyword"
}

// Null is the payload of Go's nil. As an entry of a memo or a search attribute it removes what was there.
func Null() Payload { return Payload{Metadata: map[string]string{MetadataEncoding: EncodingNull}} }

// Merge sets entries of a map of payloads, and removes those that are null. Neither map is changed.
func Merge(old, changes map[string]Payload) map[string]Payload {
	merged := make(map[string]Payload, len(old)+len(changes))
	maps.Copy(merged, old)
	for k, v := range changes {
		if v.Encoding() == EncodingNull {
			delete(merged, k)
		} else {
			merged[k] = v
		}
	}
	if len(merged) == 0 {
		return nil
	}
	return merged
}
