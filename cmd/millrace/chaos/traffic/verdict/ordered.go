package verdict

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Mail is what a numbered signal carries.
type Mail struct {
	Sender int `json:"sender"`
	Number int `json:"number"`
}

// MailSignal is the name of numbered signals. A workflow that collects them returns, by sender, the numbers as it received them.
const MailSignal = "mail"

// ordered judges that signals of one sender were recorded, and received, in the order in which they were acknowledged. One of which its
// sender never heard may come later.
func ordered(d *docket) (found findings) {
	place := map[request]int{} // of a signal among those of its workflow
	for _, id := range slices.Sorted(maps.Keys(d.histories)) {
		recorded := map[int][]int{}
		n := 0
		for _, r := range d.histories[id].Runs {
			for _, s := range attributes[protocol.WorkflowExecutionSignaled](r) {
				n++
				place[request{id, s.RequestID}] = n
				if m := (Mail{}); s.Name == MailSignal && s.Input.Decode(&m) == nil {
					recorded[m.Sender] = append(recorded[m.Sender], m.Number)
				}
			}
		}
		receivedAll(&found, d.histories[id], recorded)
	}
	type sender struct {
		workflow string
		client   int
	}
	before := map[sender]Call{}
	calls := slices.SortedStableFunc(slices.Values(d.Calls), func(a, b Call) int { return cmp.Compare(a.Begun, b.Begun) })
	for _, c := range calls {
		s := sender{c.Workflow, c.Client}
		if c.Op != OpSignal || c.Name != MailSignal || c.Answer != Acked || place[request{c.Workflow, c.ID}] == 0 {
			continue
		}
		b, known := before[s]
		if known && place[request{b.Workflow, b.ID}] > place[request{c.Workflow, c.ID}] {
			found.addf(Ordered, c.Workflow, c.Run, "signal %d of client %d was recorded before its signal %d", c.Number, c.Client, b.Number)
		}
		before[s] = c
	}
	return found
}

// receivedAll judges that the code of a workflow received its numbered signals, each once and as they were recorded.
func receivedAll(found *findings, h *History, recorded map[int][]int) {
	last := h.Last()
	if len(recorded) == 0 || last.Status != protocol.StatusCompleted {
		return
	}
	var received map[int][]int
	if err := json.Unmarshal(last.Result.Data, &received); err != nil {
		return // it does not collect signals
	}
	for _, sender := range slices.Sorted(maps.Keys(recorded)) {
		if !slices.Equal(recorded[sender], received[sender]) {
			found.addf(Ordered, h.ID, last.ID, "sender %d's signals were recorded as %v, and the code received %v",
				sender, recorded[sender], received[sender])
		}
	}
}
