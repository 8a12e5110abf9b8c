package sim

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Names that workflows and workers share.
const (
	queue        = "q"
	workflowType = "sim.Play"
	activityType = "sim.Work"
)

var (
	news  = workflow.NewSignal[int]("news")
	raise = workflow.NewUpdate[int, int]("raise")
)

// script is what a workflow does: it is the workflow's input, so that one program plays all of them.
type script struct {
	Acts  []act `json:"acts"`
	Again int   `json:"again,omitzero"` // how often it continues as new
	Fails bool  `json:"fails,omitzero"` // the run ends with an error
}

// act is one thing that a script does.
type act struct {
	Kind string  `json:"kind"`
	N    int     `json:"n,omitzero"`  // of work: how often it fails before it succeeds
	MS   int     `json:"ms,omitzero"` // how long it takes, or waits
	Sub  *script `json:"sub,omitempty"`
	With []act   `json:"with,omitempty"`
}

// end is what a script comes to.
type end struct {
	Signals int `json:"signals"` // that the code received
}

// work is what an activity is asked for.
type work struct {
	Fails int `json:"fails"`
	MS    int `json:"ms"`
	Token int `json:"token"` // what it returns
}

// theProgram is how workers run workflows.
var theProgram = workflow.Program(play, slog.New(slog.DiscardHandler))

// player plays a script.
type player struct {
	signals int
	tokens  int
	kids    int
}

func play(ctx workflow.Context, s script) (end, error) {
	p := &player{}
	workflow.HandleUpdate(ctx, raise, func(ctx workflow.Context, by int) (int, error) {
		if by%2 == 1 {
			return by, p.work(ctx, act{MS: 10})
		}
		return by, nil
	})
	if err := p.all(ctx, s.Acts); err != nil {
		return end{}, err
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return end{}, err
	}
	for {
		if _, ok := workflow.TryReceive(ctx, news); !ok {
			break
		}
		p.signals++
	}
	switch {
	case s.Again > 0:
		s.Again--
		return end{}, workflow.ContinueAsNewNamed(ctx, workflowType, s)
	case s.Fails:
		return end{}, workflow.NewError("Meant", "as it was meant to")
	}
	return end{p.signals}, nil
}

func (p *player) all(ctx workflow.Context, acts []act) error {
	for _, a := range acts {
		if err := p.act(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

func (p *player) act(ctx workflow.Context, a act) error {
	d := time.Duration(a.MS) * time.Millisecond
	switch a.Kind {
	case "work":
		return p.work(ctx, a)
	case "sleep":
		return workflow.Sleep(ctx, d)
	case "receive": // for a while
		timeout, cancel := workflow.WithTimeout(ctx, d)
		defer cancel()
		if _, err := workflow.Receive(timeout, news); err == nil {
			p.signals++
		}
		return ctx.Err()
	case "child":
		p.kids++
		id := fmt.Sprintf("%s-%d", workflow.GetInfo(ctx).Workflow, p.kids)
		_, err := workflow.NewWorkflow[script, end](workflowType).Do(ctx, *a.Sub, workflow.ChildID(id))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		_ = err // a child may fail, or its ID be taken by one of an earlier run
		return nil
	case "signal": // another workflow, which may not be there
		_ = workflow.SignalExternal(ctx, fmt.Sprintf("w%d", a.N), news, 1)
		return ctx.Err()
	case "cut": // begin something and cancel it
		some, cancel := workflow.WithCancel(ctx)
		g := workflow.NewGroup(ctx)
		g.Go(func(workflow.Context) error {
			_ = p.all(some, a.With)
			return nil
		})
		err := workflow.Sleep(ctx, d)
		cancel()
		if waited := g.Wait(); err == nil {
			err = waited
		}
		return err
	case "beside":
		g := workflow.NewGroup(ctx)
		for _, b := range a.With {
			g.Go(func(ctx workflow.Context) error { return p.act(ctx, b) })
		}
		return g.Wait()
	}
	panic("unknown act " + a.Kind)
}

// work runs an activity, and panics if its result is not its own.
func (p *player) work(ctx workflow.Context, a act) error {
	p.tokens++
	token := p.tokens
	got, err := workflow.NewActivity[work, int](activityType).Do(ctx, work{a.N, a.MS, token})
	if err == nil && got != token {
		panic(fmt.Sprintf("activity %d came to %d", token, got))
	}
	return err
}

// newScript makes up a script. Depth is how many generations of children it may have.
func newScript(rng *rand.Rand, depth int) script {
	s := script{}
	for range 1 + rng.IntN(3) {
		s.Acts = append(s.Acts, newAct(rng, depth))
	}
	if rng.IntN(8) == 0 {
		s.Again = 1
	}
	s.Fails = rng.IntN(10) == 0
	return s
}

func newAct(rng *rand.Rand, depth int) act {
	a := act{MS: []int{1, 50, 700, 3000, 15000}[rng.IntN(5)]}
	switch rng.IntN(14) {
	case 0, 1, 2, 3, 4:
		a.Kind, a.MS = "work", a.MS%4000
		if rng.IntN(4) == 0 {
			a.N = 1 + rng.IntN(2)
		}
	case 5, 6:
		a.Kind = "sleep"
		if rng.IntN(4) == 0 {
			a.MS = 200_000 // longer than anything goes wrong, and than a node remembers
		}
	case 7, 8:
		a.Kind = "receive"
	case 9, 10:
		if depth > 0 {
			sub := newScript(rng, depth-1)
			a.Kind, a.Sub = "child", &sub
			break
		}
		a.Kind = "work"
	case 11:
		a.Kind, a.N = "signal", rng.IntN(3)
	case 12:
		a.Kind, a.With = "cut", []act{newAct(rng, 0)}
	default:
		a.Kind, a.With = "beside", []act{newAct(rng, 0), newAct(rng, depth)}
	}
	return a
}

// newRun is a run that has seen nothing yet.
func newRun() *replay.Run { return replay.New(theProgram) }

// encode makes a payload of a value that has no way not to become one.
func encode(v any) protocol.Payload {
	p, err := protocol.Encode(v)
	if err != nil {
		panic(err)
	}
	return p
}

func marshal(v any) []byte {
	data, err := protocol.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}
