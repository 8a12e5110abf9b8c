package machine

import (
	"maps"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// marked is a command that writes something down: mark NAME (a marker), memo KEY, attribute KEY.
func marked(word, name string) protocol.CommandAttributes {
	value := map[string]protocol.Payload{name: {Data: []byte(`"Ada"`)}}
	switch word {
	case "mark":
		return protocol.RecordMarker{Name: name, ID: "1", Value: value[name]}
	case "memo":
		return protocol.ModifyWorkflowProperties{Memo: value}
	case "attribute":
		return protocol.UpsertWorkflowSearchAttributes{SearchAttributes: value}
	}
	return nil
}

// showMarked shows what was said of the run.
func (s *story) showMarked(d protocol.Description) {
	for _, k := range slices.Sorted(maps.Keys(d.Memo)) {
		s.say("memo %s: %s", k, d.Memo[k])
	}
	for _, k := range slices.Sorted(maps.Keys(d.SearchAttributes)) {
		s.say("attribute %s: %s", k, d.SearchAttributes[k])
	}
}
