package verdict

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/millrace-dev/millrace/protocol"
)

// A register is a workflow that adds up what updates and signals say, and tells the sum when it is asked. Clients start, change, read and
// close it at the same time.
const (
	// RegisterType is the type of its workflow.
	RegisterType = "traffic.Register"
	// AddUpdate adds, and tells the sum.
	AddUpdate = "add"
	// CloseUpdate tells the sum, and ends the run.
	CloseUpdate = "close"
	// PutSignal adds.
	PutSignal = "put"
	// ValueQuery tells the sum.
	ValueQuery = "value"
)

// somebody is the run of a start whose client heard nothing.
const somebody = "?"

// register is what a model register is after some calls. What signals say waits until the code looks: an update finds all of it added, and
// a query the first of it, since a signal may be recorded while no worker is there.
type register struct {
	run     string // the latest; empty: there was none
	open    bool
	sum     int
	waiting []int

	replaced bool // a start has just ended the run that was open, and begun this one
}

// linear judges that the calls to each register have an order in which each gets what it must, and which is that in which one ended before
// another began. Registers are judged one by one.
func linear(d *docket) (found findings, undecided []string) {
	calls := map[string][]porcupine.Operation{}
	for _, c := range d.Calls {
		if c.Op == OpWait || c.Answer != Acked && c.Op == OpQuery {
			continue // says nothing
		}
		op := porcupine.Operation{ClientId: c.Client, Input: c, Call: int64(c.Begun), Return: int64(c.Ended)}
		if c.Answer == Unknown {
			op.Return = math.MaxInt64
		}
		calls[c.Workflow] = append(calls[c.Workflow], op)
	}
	for _, id := range slices.Sorted(maps.Keys(d.registers())) {
		result, info := porcupine.CheckOperationsVerbose(model, calls[id], d.Patience)
		switch result {
		case porcupine.Unknown:
			undecided = append(undecided, id)
		case porcupine.Illegal:
			found.addf(Linear, id, "", "%s", stuck(calls[id], info))
		case porcupine.Ok:
		}
	}
	return found, undecided
}

// registers are the workflow IDs under which registers were started.
func (d *docket) registers() map[string]bool {
	all := map[string]bool{}
	for _, c := range d.Calls {
		if c.Op == OpStart && c.Name == RegisterType {
			all[c.Workflow] = true
		}
	}
	return all
}

var model = porcupine.Model{
	Init:  func() any { return register{} },
	Equal: func(a, b any) bool { return a.(register).equal(b.(register)) }, //nolint:forcetypeassert // there is no other state
	Step: func(state, input, _ any) (bool, any) {
		return state.(register).step(input.(Call)) //nolint:forcetypeassert // there is no other state or input
	},
}

func (r register) equal(q register) bool {
	return r.run == q.run && r.open == q.open && r.sum == q.sum && slices.Equal(r.waiting, q.waiting) && r.replaced == q.replaced
}

// step is what the register is after a call, if the call can have been answered so.
func (r register) step(c Call) (bool, register) {
	switch c.Op {
	case OpStart:
		return r.start(c)
	case OpSignal:
		return r.signal(c)
	case OpUpdate:
		return r.update(c)
	case OpQuery:
		return r.query(c)
	case OpCancel, OpWait: // change nothing
	}
	return true, r
}

// start opens a run, or finds one open.
func (r register) start(c Call) (bool, register) {
	opened := register{run: cmp.Or(c.Run, somebody), open: true, replaced: r.open}
	finds := r.open && c.Conflict != protocol.ConflictTerminate
	switch c.Answer {
	case Acked:
		if finds {
			return c.Conflict == protocol.ConflictUseExisting && r.is(c.Run), r.bind(c.Run)
		}
		return true, opened
	case Refused:
		return finds && r.is(c.Run), r.bind(c.Run)
	case Unknown: // takes effect, or has none
	}
	if finds {
		return true, r
	}
	return true, opened
}

// signal puts a number into an open register.
func (r register) signal(c Call) (bool, register) {
	if !r.open {
		return c.Answer != Acked, r
	}
	r.waiting, r.replaced = append(slices.Clip(r.waiting), c.Number), false
	return c.Answer != Refused, r
}

// update adds to an open register, or closes it. One that the code did not see before its run was ended, to make room for another, comes to
// nothing.
func (r register) update(c Call) (bool, register) {
	if !r.open || r.replaced && c.Answer == Refused && c.Code == protocol.CodeClosed {
		return c.Answer != Acked, r
	}
	r.replaced = false
	for _, n := range r.waiting {
		r.sum += n
	}
	if r.waiting = nil; c.Name == AddUpdate {
		r.sum += c.Number
	} else {
		r.open = false
	}
	if c.Answer == Acked && (c.got() != r.sum || !r.is(c.Run)) {
		return false, r
	}
	return c.Answer != Refused, r.bind(c.Run)
}

// query reads what the code has seen so far.
func (r register) query(c Call) (bool, register) {
	r.replaced = false
	for {
		if r.run != "" && c.got() == r.sum {
			return true, r
		}
		if len(r.waiting) == 0 {
			return false, r
		}
		r.sum, r.waiting = r.sum+r.waiting[0], r.waiting[1:]
	}
}

// is reports whether the register's run can be the one of an answer.
func (r register) is(run string) bool { return run == "" || r.run == somebody || r.run == run }

func (r register) bind(run string) register {
	if r.run == somebody && run != "" {
		r.run = run
	}
	return r
}

func (c Call) got() int {
	n := math.MinInt
	if json.Unmarshal(c.Got, &n) != nil {
		return math.MinInt
	}
	return n
}

// stuck tells how far an order of the calls goes at best, and what follows in none.
func stuck(all []porcupine.Operation, info porcupine.LinearizationInfo) string {
	var longest []porcupine.Operation
	for _, partition := range info.PartialLinearizationsOperations() {
		for _, order := range partition {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	placed := map[string]bool{}
	state := register{}
	for _, op := range longest {
		c, _ := op.Input.(Call)
		placed[c.key()] = true
		_, state = state.step(c)
	}
	var rest []string
	byEnd := func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) }
	for _, op := range slices.SortedStableFunc(slices.Values(all), byEnd) {
		if c, _ := op.Input.(Call); !placed[c.key()] && c.Answer != Unknown {
			rest = append(rest, c.String())
		}
	}
	return fmt.Sprintf("of %d calls, %d have an order, after which the register is %+v; then none of these fits: %s",
		len(all), len(longest), state, strings.Join(rest[:min(3, len(rest))], "; "))
}

func (c Call) key() string { return fmt.Sprint(c.Client, c.Op, c.ID, c.Begun) }

// String tells the call in a line.
func (c Call) String() string {
	words := []string{string(c.Op), c.Name, strconv.Itoa(c.Number), string(c.Answer), c.Run, string(c.Got), string(c.Code)}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" || w == "0" })
	return fmt.Sprintf("client %d: %s, %s to %s", c.Client, strings.Join(words, " "), c.Begun, c.Ended)
}
