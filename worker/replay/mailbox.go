package replay

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// Mailbox is a queue of signals in the order of their arrival.
type Mailbox struct {
	Waitlist

	run     *Run
	letters []letter
	head    int
}

// letter is a signal that waits. Arrival tells it from those in other mailboxes.
type letter struct {
	arrival int
	Letter
}

// Letter is what a signal carries.
type Letter struct {
	Value   protocol.Payload
	Headers map[string]string
}

// Empty reports whether no signal waits.
func (m *Mailbox) Empty() bool { return m.head == len(m.letters) }

// Len is how many signals wait.
func (m *Mailbox) Len() int { return len(m.letters) - m.head }

// Pop takes the oldest signal out of a mailbox that is not empty.
func (m *Mailbox) Pop() Letter {
	m.run.mayChange("receive a signal")
	v := m.letters[m.head].Letter
	m.letters[m.head] = letter{}
	if m.head++; m.head == len(m.letters) {
		m.letters, m.head = m.letters[:0], 0
	}
	return v
}

// deliver puts a signal into its mailbox.
func (r *Run) deliver(name string, v protocol.Payload, headers map[string]string) {
	r.arrivals++
	m := r.mailbox(name)
	m.letters = append(m.letters, letter{r.arrivals, Letter{v, headers}})
	m.WakeOne()
}

func (r *Run) mailbox(name string) *Mailbox {
	m := r.mailboxes[name]
	if m == nil {
		m = &Mailbox{run: r}
		r.mailboxes = with(r.mailboxes, name, m)
	}
	return m
}

// unread are the signals that nobody received, in the order of their arrival, for the run that follows this one.
func (r *Run) unread() (protocol.Payload, error) {
	type found struct {
		arrival int
		signal  protocol.CarriedSignal
	}
	var all []found
	for name, m := range r.mailboxes {
		for _, l := range m.letters[m.head:] {
			all = append(all, found{l.arrival, protocol.CarriedSignal{Name: name, Input: l.Value, Headers: l.Headers}})
		}
	}
	if len(all) == 0 {
		return protocol.Payload{}, nil
	}
	slices.SortFunc(all, func(a, b found) int { return cmp.Compare(a.arrival, b.arrival) })
	signals := make([]protocol.CarriedSignal, len(all))
	for i, f := range all {
		signals[i] = f.signal
	}
	return protocol.Encode(signals)
}

// takeCarried delivers the signals that the run before this one left.
func (r *Run) takeCarried(p protocol.Payload) {
	var signals []protocol.CarriedSignal
	if p.IsZero() {
		return
	}
	if err := protocol.Unmarshal(p.Data, &signals); err != nil {
		r.failf("%s", fmt.Sprintf("the signals of the run before this one cannot be read: %v", err))
		return
	}
	for _, s := range signals {
		r.deliver(s.Name, s.Input, s.Headers)
	}
}
