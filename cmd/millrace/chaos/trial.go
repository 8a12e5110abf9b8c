package chaos

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"

	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fault"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/fleet"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic"
	"github.com/millrace-dev/millrace/cmd/millrace/chaos/traffic/verdict"
	"github.com/millrace-dev/millrace/protocol"
)

const (
	queue = "chaos"
	// clients is how many connections the load shares.
	clients = 3
	// quiet is the part of the runs before the first fault, which shows what is normal, and breath how long at most the fleet is left alone
	// between two.
	quiet  = 0.15
	breath = 2 * time.Second
)

// trial is the trial of one fault.
type trial struct {
	Options

	fault fault.Fault
	fleet *fleet.Fleet
	rand  *rand.Rand
	log   *slog.Logger
	line  *Line

	done  atomic.Int64
	calm  chan struct{}   // closed when the quiet part is over
	busy  context.Context // ends when the load thins out: from then on a shard may have nothing to do
	thins context.CancelFunc

	struck   []struck
	recovers []time.Duration
}

// struck is an injection: what it did, and from when to when it was felt.
type struck struct {
	fault.Harm

	from, until time.Time
}

// try tries a fault: a fleet, the load, the fault again and again until the load has ended, and the verdict.
func try(ctx context.Context, o Options, ft fault.Fault) (_ *Line, err error) {
	dir := filepath.Join(o.Dir, ft.Name)
	ledger := filepath.Join(dir, "ledger")
	if _, err := os.Stat(dir); err == nil { // servers of another fleet, whose names they keep
		return nil, protocol.Errorf(protocol.CodeBadRequest, "there is something in %s already", dir).WithHint("name a new directory")
	}
	if err := os.MkdirAll(ledger, 0o750); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "chaos.log")) //nolint:gosec // of the caller's directory
	if err != nil {
		return nil, err
	}
	defer log.Close()
	began := time.Now()
	t := &trial{
		log: slog.New(slog.NewTextHandler(log, nil)),

		Options: o, fault: ft, rand: rand.New(rand.NewPCG(o.Seed, uint64(len(ft.Name)))), //nolint:gosec // a seed must repeat itself
		line: &Line{Fault: ft.Name, About: ft.About, Violations: []traffic.Violation{}}, calm: make(chan struct{}),
	}
	fo := fleet.Options{Dir: dir, Command: o.Command, URL: o.URL, Queue: queue, Ledger: ledger}
	if o.URL != "" { // the user's workflows are none of our business
		fo.Namespace = protocol.Namespace("chaos-" + uuid.NewString()[:8])
	}
	if err := t.prepare(ctx, &fo); err != nil {
		return nil, err
	}
	if t.line.Skipped == "" {
		err = t.play(ctx, fo)
	}
	switch {
	case ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), t.discard(dir))
	case err != nil:
		return nil, protocol.Errorf(protocol.CodeInternal, "%s: %v", ft.Name, err).WithHint("the logs are in %s", dir)
	}
	t.line.Took = time.Since(began).Seconds()
	if t.line.ok() {
		err = t.discard(dir)
	}
	return t.line, err
}

// discard removes what nobody has to look at.
func (t *trial) discard(dir string) error {
	if t.Keep {
		return nil
	}
	return os.RemoveAll(dir)
}

// prepare makes the fleet ready for the fault, or finds out why that cannot be done here.
func (t *trial) prepare(ctx context.Context, o *fleet.Options) error {
	if t.fault.Prepare == nil {
		return nil
	}
	t.Progress(t.fault.Name+": prepare", 0, t.Runs)
	if err := t.fault.Prepare(ctx, o); err != nil {
		t.line.Skipped = err.Error()
	}
	return ctx.Err()
}

// play runs the fleet from its start to its end.
func (t *trial) play(ctx context.Context, o fleet.Options) (err error) {
	t.Progress(t.fault.Name+": start", 0, t.Runs)
	t.fleet, err = fleet.Start(ctx, o)
	if err == nil {
		err = t.run(ctx, o.Ledger)
	}
	remove := o.URL != "" && !t.Keep && (err == nil && t.line.ok() || ctx.Err() != nil)
	if remove {
		err = errors.Join(err, t.fleet.Remove(context.WithoutCancel(ctx)))
	}
	t.Progress(t.fault.Name+": stop", int(t.done.Load()), t.Runs)
	return errors.Join(err, t.fleet.Close())
}

func (t *trial) run(ctx context.Context, ledger string) error {
	conns, hangUp, err := t.connect()
	defer hangUp()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loaded := make(chan struct{})
	t.busy, t.thins = context.WithCancel(ctx)
	defer t.thins()
	var report *traffic.Report
	var failed error
	go func() {
		defer close(loaded)
		defer t.thins()
		report, failed = traffic.Run(ctx, traffic.Options{
			Namespace: t.fleet.Namespace(), Conns: conns, Queue: queue,
			Runs: t.Runs, InFlight: t.InFlight, Seed: t.Seed, LedgerDir: ledger, Progress: t.progress,
		})
	}()
	if err = t.torment(ctx); err != nil {
		cancel() // what is not whole would keep the load waiting
	}
	<-loaded
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	t.log.Info("the load is over", "calls", len(report.Calls))
	t.Progress(t.fault.Name+": verdict", t.Runs, t.Runs)
	found, err := t.check(ctx, report)
	if err != nil {
		return err
	}
	t.line.judge(report, found, t.struck, t.recovers)
	notes, err := traffic.Ledger(ledger)
	if err == nil {
		t.line.redelivered(notes, t.struck)
	}
	if t.Keep || !t.line.ok() {
		err = errors.Join(err, keepCalls(filepath.Join(filepath.Dir(ledger), "calls.jsonl"), report.Calls))
	}
	return errors.Join(err, t.fleet.Check())
}

// keepCalls writes down what the clients asked and heard, a call a line, for whoever looks into what was violated.
func keepCalls(file string, calls []verdict.Call) error {
	f, err := os.Create(file) //nolint:gosec // of the caller's directory
	if err != nil {
		return err
	}
	lines := json.NewEncoder(f)
	for _, c := range calls {
		err = errors.Join(err, lines.Encode(c))
	}
	return errors.Join(err, f.Close())
}

// connect makes the load's connections.
func (t *trial) connect() (conns []*nats.Conn, hangUp func(), err error) {
	hangUp = func() {
		for _, nc := range conns {
			nc.Close()
		}
	}
	for range clients {
		nc, err := t.fleet.Connect()
		if err != nil {
			return conns, hangUp, err
		}
		conns = append(conns, nc)
	}
	return conns, hangUp, nil
}

// check asks for the verdict. What comes to rest may still be without a leader here and there, and is asked again then.
func (t *trial) check(ctx context.Context, r *traffic.Report) (found []traffic.Violation, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	for {
		found, err = traffic.Check(ctx, t.fleet.Look(), r)
		if !errors.Is(err, protocol.ErrUnavailable) && !errors.Is(err, protocol.ErrTimeout) || ctx.Err() != nil {
			return found, err
		}
		pause(ctx, time.Second)
	}
}

// progress hears how many runs are done.
func (t *trial) progress(done int) {
	if n := t.done.Add(1); n == int64(max(1, float64(t.Runs)*quiet)) {
		close(t.calm)
	} else if n >= int64(t.Runs-t.InFlight) {
		t.thins()
	}
	t.Progress(t.fault.Name, done, t.Runs)
}

// torment strikes until the load thins out. The fleet is whole when it returns.
func (t *trial) torment(ctx context.Context) error {
	select {
	case <-t.calm:
	case <-t.busy.Done():
		return nil
	}
	for t.busy.Err() == nil {
		if err := t.strike(ctx); err != nil {
			return err
		}
		pause(t.busy, time.Duration(t.rand.Int64N(int64(breath))))
	}
	return nil
}

// strike strikes once, waits until the fleet has coped with it, and makes it whole again.
func (t *trial) strike(ctx context.Context) error {
	before, err := t.fleet.Owners(ctx)
	if err != nil {
		return err
	}
	s := struck{from: time.Now()}
	if s.Harm, err = t.fault.Strike(ctx, t.fleet, t.rand); err != nil {
		return err
	}
	struckAt := time.Now()
	t.log.Info("struck", "what", s.What, "shards", s.Shards, "worker", s.Worker, "for", s.For, "runs", t.done.Load())
	if !s.Lasts && s.Worker == "" {
		t.recovery(before, s.Harm, cmp.Or(s.Began, s.from))
	}
	pause(t.busy, s.For-time.Since(struckAt))
	healed := time.Now()
	t.log.Info("healing")
	if s.Undo != nil {
		if err := s.Undo(ctx); err != nil {
			return err
		}
	}
	if err := t.fleet.Restore(ctx); err != nil {
		return err
	}
	if s.Lasts {
		t.recovery(before, s.Harm, healed)
	}
	s.until = time.Now()
	t.log.Info("whole again")
	t.struck = append(t.struck, s)
	return nil
}

// recovery measures how long it takes until the shards go on, unless the load thins out before.
func (t *trial) recovery(before map[int]protocol.HeldLease, h fault.Harm, since time.Time) {
	took, err := recovered(t.busy, t.fleet, h, before, since)
	switch {
	case t.busy.Err() != nil:
	case err != nil:
		t.log.Error("stuck", "error", err)
		t.line.Stuck = append(t.line.Stuck, h.What+": "+err.Error())
	default:
		t.log.Info("recovered", "after", took)
		t.recovers = append(t.recovers, took)
	}
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// quantile is the time below which a part of them are; zero of none.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
