package traffic

import (
	"crypto/rand"
	"errors"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

const (
	// heartbeat is how long an activity that holds on may be silent.
	heartbeat = 4 * time.Second
	// retry is how soon what fails is tried again at first.
	retry = 50 * time.Millisecond
)

// soon has activities tried again soon, up to a second apart.
var soon = workflow.Retry(protocol.RetryPolicy{InitialInterval: protocol.Duration(retry), MaximumInterval: protocol.Duration(time.Second)})

// Chain does jobs one after the other, with naps in between. A job that is hopeless is passed over.
func Chain(ctx workflow.Context, jobs []Job) ([]string, error) {
	var stamps []string
	for _, j := range jobs {
		done, err := workflow.Do(ctx, anyCrew.Work, j, soon)
		if app := (*protocol.ApplicationFailure)(nil); err != nil && !(errors.As(err, &app) && app.NonRetryable) {
			return nil, err
		}
		stamps = append(stamps, done.Stamp)
		if err := workflow.Sleep(ctx, time.Duration(j.Take)); err != nil {
			return nil, err
		}
	}
	return stamps, nil
}

// Toil does one job.
func Toil(ctx workflow.Context, j Job) (Done, error) { return workflow.Do(ctx, anyCrew.Work, j, soon) }

// Naps sleeps for each of some times at once, and gives up a timer that would last for an hour. It returns how many came to their end.
func Naps(ctx workflow.Context, naps []protocol.Duration) (int, error) {
	long, giveUp := workflow.WithCancel(ctx)
	forgotten := workflow.NewTimer(long, time.Hour)
	var timers []workflow.Future[time.Time]
	for _, d := range naps {
		timers = append(timers, workflow.NewTimer(ctx, time.Duration(d)))
	}
	for i, t := range timers {
		if _, err := t.Get(ctx); err != nil {
			return i, err
		}
	}
	giveUp()
	if _, err := forgotten.Get(workflow.Disconnected(ctx)); !errors.Is(err, workflow.ErrCanceled) {
		return 0, errors.Join(err, errors.New("the timer that was given up fired"))
	}
	return len(timers), nil
}

var (
	mail   = workflow.NewSignal[verdict.Mail](verdict.MailSignal)
	finish = workflow.NewSignal[int]("finish")
)

// Box is what a mailbox has received, by sender, and after how many it continues as new.
type Box struct {
	Turn     int           `json:"turn"`
	Received map[int][]int `json:"received"`
}

// Mailbox collects numbered signals until it is told to finish, over as many runs as it takes.
func Mailbox(ctx workflow.Context, box Box) (map[int][]int, error) {
	if box.Received == nil {
		box.Received = map[int][]int{}
	}
	take := func(m verdict.Mail) { box.Received[m.Sender] = append(box.Received[m.Sender], m.Number) }
	finished := false
	for n := 0; !finished; n++ {
		if n == box.Turn {
			return nil, workflow.ContinueAsNew(ctx, Mailbox, box)
		}
		err := workflow.Select(ctx, workflow.OnReceive(mail, take), workflow.OnReceive(finish, func(int) { finished = true }))
		if err != nil {
			return nil, err
		}
	}
	for {
		m, ok := workflow.TryReceive(ctx, mail)
		if !ok {
			return box.Received, nil
		}
		take(m)
	}
}

var (
	addUpdate   = workflow.NewUpdate[int, int](verdict.AddUpdate)
	closeUpdate = workflow.NewUpdate[int, int](verdict.CloseUpdate)
	put         = workflow.NewSignal[int](verdict.PutSignal)
	value       = workflow.NewQuery[int, int](verdict.ValueQuery)
	errClosing  = errors.New("the register is closed")
)

// Register adds up what it is told by updates and signals, until it is closed.
func Register(ctx workflow.Context, _ int) (int, error) {
	sum, closed := 0, false
	open := workflow.Validate(func(workflow.Context, int) error {
		if closed {
			return errClosing
		}
		return nil
	})
	workflow.HandleQuery(ctx, value, func(int) (int, error) { return sum, nil })
	workflow.HandleUpdate(ctx, addUpdate, func(_ workflow.Context, n int) (int, error) {
		sum += n
		return sum, nil
	}, open)
	workflow.HandleUpdate(ctx, closeUpdate, func(workflow.Context, int) (int, error) {
		closed = true
		return sum, nil
	}, open)
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			n, err := workflow.Receive(ctx, put)
			if err != nil {
				return
			}
			sum += n
		}
	})
	err := workflow.Await(ctx, func() bool { return closed && workflow.AllHandlersFinished(ctx) })
	return sum, err
}

// Patient holds on until it is canceled, cleans up, and says that it was.
func Patient(ctx workflow.Context, j Job) (Done, error) {
	_, err := workflow.Do(ctx, anyCrew.Hold, j, soon, workflow.WaitForCancel(), workflow.HeartbeatTimeout(heartbeat))
	if ctx.Err() == nil { // one whose worker is away when it is to stop ends as it would without, and is not tried again
		return Done{}, errors.Join(err, errors.New("what holds on came to its end"))
	}
	if _, err := workflow.Do(workflow.Disconnected(ctx), anyCrew.Work, j, soon); err != nil {
		return Done{}, err
	}
	return Done{}, ctx.Err()
}

// Parcel is a file, and a text that is too long for a message.
type Parcel struct {
	Text string        `json:"text"`
	File protocol.Blob `json:"file"`
}

// Courier has a parcel copied, and a result as large made.
func Courier(ctx workflow.Context, p Parcel) (Parcel, error) {
	done, err := workflow.Do(ctx, anyCrew.Work, Job{Name: "fill", Size: len(p.Text)}, soon)
	if err != nil {
		return p, err
	}
	p.Text += done.Fill
	p.File, err = workflow.Do(ctx, anyCrew.Copy, p.File, soon)
	return p, err
}

// Deskwork does small things on the spot: local activities, a side effect, something that changes, a version.
func Deskwork(ctx workflow.Context, jobs []Job) ([]string, error) {
	if v := workflow.Version(ctx, "desk", workflow.DefaultVersion, 1); v != 1 {
		return nil, errors.New("a run that began now has an old version")
	}
	token, err := workflow.SideEffect(ctx, func() (string, error) { return rand.Text(), nil })
	if err != nil {
		return nil, err
	}
	stamps := []string{token, workflow.UUID(ctx)}
	for i, j := range jobs {
		done, err := workflow.DoLocal(ctx, anyCrew.Work, j, soon)
		if err != nil {
			return nil, err
		}
		parity, err := workflow.MutableSideEffect(ctx, "parity", func() (int, error) { return i / 2, nil })
		if err != nil || parity != i/2 {
			return nil, errors.Join(err, errors.New("a value that changed is another"))
		}
		stamps = append(stamps, done.Stamp)
		if err := workflow.Sleep(ctx, retry); err != nil {
			return nil, err
		}
	}
	return stamps, nil
}
