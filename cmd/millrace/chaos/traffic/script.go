package traffic

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/jetstream"
	"github.com/millrace-dev/millrace/protocol"
)

// script is what clients do with one workflow ID.
type script struct {
	name string
	// often is how many of all scripts are this one.
	often int
	play  func(s *scene, ctx context.Context)
}

var scripts = []script{
	{"chain", 22, (*scene).chain},
	{"toil", 3, (*scene).toil},
	{"naps", 15, (*scene).naps},
	{"mailbox", 15, (*scene).mailbox},
	{"register", 20, (*scene).register},
	{"family", 10, (*scene).family},
	{"patient", 5, (*scene).patient},
	{"courier", 3, (*scene).courier},
	{"deskwork", 7, (*scene).deskwork},
}

// pick chooses a script.
func pick(r *rand.Rand) script {
	all := 0
	for _, s := range scripts {
		all += s.often
	}
	n := r.IntN(all)
	for _, s := range scripts {
		if n -= s.often; n < 0 {
			return s
		}
	}
	return scripts[0]
}

// chain starts a chain of jobs, some of which fail at first, and one in ten of which is hopeless.
func (s *scene) chain(ctx context.Context) {
	var least time.Duration
	jobs := make([]Job, 1+s.rand.IntN(4))
	for i := range jobs {
		take := time.Duration(s.rand.IntN(30)) * time.Millisecond
		jobs[i] = Job{Name: s.id, Fails: max(0, s.rand.IntN(6)-3), Hopeless: s.rand.IntN(10) == 0, Take: protocol.Duration(take)}
		least += 2 * take
	}
	if st, ok := start(ctx, s, Chain, jobs); ok {
		s.wait(ctx, st, protocol.StatusCompleted, least)
	}
}

// toil starts a job that takes longer than the broker waits for a sign of life: workers that die mostly have such a one in hand.
func (s *scene) toil(ctx context.Context) {
	take := jetstream.AckWait + time.Duration(s.rand.IntN(2000))*time.Millisecond
	if st, ok := start(ctx, s, Toil, Job{Name: s.id, Take: protocol.Duration(take)}); ok {
		s.wait(ctx, st, protocol.StatusCompleted, take)
	}
}

// naps starts a workflow that sleeps.
func (s *scene) naps(ctx context.Context) {
	var longest time.Duration
	naps := make([]protocol.Duration, 1+s.rand.IntN(4))
	for i := range naps {
		d := time.Duration(s.rand.IntN(1500)) * time.Millisecond
		naps[i], longest = protocol.Duration(d), max(longest, d)
	}
	if st, ok := start(ctx, s, Naps, naps); ok {
		s.wait(ctx, st, protocol.StatusCompleted, longest)
	}
}

// mailbox has several clients send numbered signals to a workflow that continues as new on the way.
func (s *scene) mailbox(ctx context.Context) {
	st, ok := start(ctx, s, Mailbox, Box{Turn: 2 + s.rand.IntN(5)})
	if !ok {
		return
	}
	senders, each := 2+s.rand.IntN(2), 2+s.rand.IntN(4)
	var all sync.WaitGroup
	for sender := range senders {
		all.Go(func() {
			for n := 1; n <= each && ctx.Err() == nil; n++ {
				signal(ctx, s, sender, forget, mail, verdict.Mail{Sender: sender, Number: n}, n)
			}
		})
	}
	all.Wait()
	signal(ctx, s, 0, forever, finish, 0, 0)
	s.wait(ctx, st, protocol.StatusCompleted, 0)
}

// register has several clients open, change, read and close a register at the same time.
func (s *scene) register(ctx context.Context) {
	sides := 2 + s.rand.IntN(3)
	var all sync.WaitGroup
	for side := range sides {
		r := rand.New(rand.NewPCG(s.rand.Uint64(), uint64(side))) //nolint:gosec // a seed must repeat itself
		all.Go(func() { s.registrar(ctx, side, r) })
	}
	all.Wait()
	for closed := false; !closed && ctx.Err() == nil; { // whatever run is open must not stay open
		c := update(ctx, s, sides, closeUpdate, 0)
		closed = c.Answer != verdict.Unknown || c.Code == protocol.CodeClosed
	}
}

// registrar is one of a register's clients.
func (s *scene) registrar(ctx context.Context, side int, r *rand.Rand) {
	policies := []protocol.ConflictPolicy{
		protocol.ConflictUseExisting, protocol.ConflictUseExisting, protocol.ConflictFail, protocol.ConflictFail,
		protocol.ConflictTerminate,
	}
	startAs(ctx, s, side, forget, policies[r.IntN(len(policies)-1)], Register, 0)
	for n := range 3 + r.IntN(4) {
		amount := 1 + side + 10*n
		switch r.IntN(10) {
		case 0:
			startAs(ctx, s, side, forget, policies[r.IntN(len(policies))], Register, 0)
		case 1:
			update(ctx, s, side, closeUpdate, 0)
		case 2, 3, 4:
			update(ctx, s, side, addUpdate, amount)
		case 5, 6:
			signal(ctx, s, side, forget, put, amount, amount)
		default:
			query(ctx, s, side)
		}
	}
}

// family starts a parent.
func (s *scene) family(ctx context.Context) {
	if st, ok := start(ctx, s, Family, s.id); ok {
		s.wait(ctx, st, protocol.StatusCompleted, 0)
	}
}

// patient starts a workflow that would take for ever, and cancels it.
func (s *scene) patient(ctx context.Context) {
	st, ok := start(ctx, s, Patient, Job{Name: s.id})
	if !ok {
		return
	}
	_ = pause(ctx, time.Duration(s.rand.IntN(300))*time.Millisecond) // mostly the activity has begun
	s.cancel(ctx, 1)
	s.wait(ctx, st, protocol.StatusCanceled, 0)
}

// courier starts a workflow with a file and a text that go through the object store.
func (s *scene) courier(ctx context.Context) {
	line := s.id + strings.Repeat(" lorem ipsum", 8) + "\n"
	content := strings.Repeat(line, 50+s.rand.IntN(1000)) // the same at each try: one that seemed to fail may have stored it
	var file protocol.Blob
	for gap := retry; ; gap = min(2*gap, time.Second) {
		var err error
		if file, err = s.client(0).PutBlob(ctx, strings.NewReader(content)); err == nil {
			break
		}
		if pause(ctx, gap) != nil {
			return
		}
	}
	text := strings.Repeat(line, 300<<10/len(line))
	if st, ok := start(ctx, s, Courier, Parcel{Text: text, File: file}); ok {
		s.wait(ctx, st, protocol.StatusCompleted, 0)
	}
}

// deskwork starts a workflow that does small things on the spot.
func (s *scene) deskwork(ctx context.Context) {
	jobs := make([]Job, 1+s.rand.IntN(3))
	for i := range jobs {
		jobs[i] = Job{Name: s.id, Fails: s.rand.IntN(2)}
	}
	if st, ok := start(ctx, s, Deskwork, jobs); ok {
		s.wait(ctx, st, protocol.StatusCompleted, time.Duration(len(jobs))*retry)
	}
}
