package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/jetstream/embedded"
)

// The fake log answers what a single real server answers, to the sequence and the code.
func TestTheLogIsLikeAServer(t *testing.T) {
	t.Parallel()
	srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Sync: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Close)
	nc, err := srv.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	conform(t, nc, 1)
}

// And what a cluster of three answers. That says 10164 now and then though nothing is in flight, as the simulation has the fake do: it is
// asked again.
func TestTheLogIsLikeACluster(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a cluster takes some seconds to find its leaders")
	}
	conform(t, cluster(t), 3)
}

// cluster is a connection to three servers that keep copies of each other's streams.
func cluster(t *testing.T) *nats.Conn {
	t.Helper()
	var addresses []string
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed at once
		if err != nil {
			t.Fatal(err)
		}
		addresses = append(addresses, l.Addr().String())
		t.Cleanup(func() { _ = l.Close() })
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var first *embedded.Server
	for i := range addresses {
		own := append([]string{addresses[i]}, append(addresses[:i:i], addresses[i+1:]...)...)
		srv, err := embedded.Start(embedded.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Sync: "1m", Cluster: own})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(srv.Close)
		if first == nil {
			first = srv
		}
	}
	nc, err := first.Conn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// twin is a stream of the fake log and one of a real server, which are told the same.
type twin struct {
	t    *testing.T
	fake *stream
	real natsjs.Stream
	js   natsjs.JetStream
}

func conform(t *testing.T, nc *nats.Conn, replicas int) {
	t.Helper()
	js, err := natsjs.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(6) {
		queue := seed%2 == 1
		cfg := natsjs.StreamConfig{
			Name: fmt.Sprint("S", seed), Subjects: []string{fmt.Sprintf("s%d.>", seed)}, Replicas: replicas, Duplicates: time.Minute,
			Storage: natsjs.FileStorage,
		}
		if queue {
			cfg.Retention, cfg.Discard = natsjs.WorkQueuePolicy, natsjs.DiscardNew
			cfg.DiscardNewPerSubject, cfg.MaxMsgsPerSubject = true, 1
		}
		w := &twin{t: t, js: js, fake: &stream{replicated: replicas > 1, window: time.Minute, queue: queue}}
		for w.real == nil { // a new cluster has no leader yet
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			w.real, err = js.CreateStream(ctx, cfg)
			cancel()
			if err != nil && t.Context().Err() != nil {
				t.Fatal(err)
			}
		}
		rng := rand.New(rand.NewPCG(seed, 3))
		for range 300 {
			w.act(rng, fmt.Sprintf("s%d.", seed))
		}
	}
}

// act does something to both, and compares what they say.
func (w *twin) act(rng *rand.Rand, prefix string) {
	w.t.Helper()
	subject := prefix + string('a'+rune(rng.IntN(3)))
	switch rng.IntN(10) {
	case 0:
		w.purge(subject, uint64(rng.IntN(2))*(w.fake.last-min(w.fake.last, uint64(rng.IntN(4)))))
	case 1:
		w.purge(prefix+">", w.fake.last-min(w.fake.last, uint64(rng.IntN(6))))
	case 2:
		w.remove(w.fake.last - min(w.fake.last, uint64(rng.IntN(4))))
	default:
		m := message{subject: subject}
		if rng.IntN(2) == 0 {
			m.id = strconv.Itoa(rng.IntN(8))
		}
		var f *fence
		if rng.IntN(2) == 0 {
			f = &fence{subject, w.fake.lastOf(subject).seq}
			if rng.IntN(3) == 0 {
				f.seq = uint64(rng.IntN(5))
			}
		}
		w.publish(m, f)
	}
	w.look(subject)
	w.look(prefix + "*")
	w.lookFrom(prefix+">", w.fake.last-min(w.fake.last, uint64(rng.IntN(5))))
}

func (w *twin) publish(m message, f *fence) {
	w.t.Helper()
	var want ack
	var wantErr error
	w.fake.publish(time.Now(), m, f, func(a ack, err error) { want, wantErr = a, err })
	for len(w.fake.inFlight) > 0 {
		w.fake.commit()
	}
	msg := &nats.Msg{Subject: m.subject, Header: nats.Header{}}
	if m.id != "" {
		msg.Header.Set(natsjs.MsgIDHeader, m.id)
	}
	if f != nil {
		msg.Header.Set(natsjs.ExpectedLastSubjSeqHeader, strconv.FormatUint(f.seq, 10))
	}
	var got *natsjs.PubAck
	var err error
	for again := true; again; again = hasCode(err, codeInFlight) {
		got, err = w.js.PublishMsg(w.t.Context(), msg)
	}
	if code(err) != code(wantErr) {
		w.t.Fatalf("%s %q after %v: got error %v, want %v", m.subject, m.id, f, err, wantErr)
	}
	if err == nil && (got.Sequence != want.seq || got.Duplicate != want.duplicate) {
		w.t.Fatalf("%s %q after %v: got %d (duplicate: %t), want %+v", m.subject, m.id, f, got.Sequence, got.Duplicate, want)
	}
}

// code is that of an error of the server; zero for none.
func code(err error) natsjs.ErrorCode {
	if api, ok := errors.AsType[*natsjs.APIError](err); ok {
		return api.ErrorCode
	}
	return 0
}

func (w *twin) purge(subject string, below uint64) {
	w.t.Helper()
	opts := []natsjs.StreamPurgeOpt{natsjs.WithPurgeSubject(subject)}
	if below > 0 {
		opts = append(opts, natsjs.WithPurgeSequence(below))
	}
	w.fake.purge(subject, below)
	if err := w.real.Purge(w.t.Context(), opts...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *twin) remove(seq uint64) {
	w.t.Helper()
	w.fake.remove(seq)
	if err := w.real.DeleteMsg(w.t.Context(), seq); err != nil && code(err) == 0 && !errors.Is(err, natsjs.ErrMsgDeleteUnsuccessful) {
		w.t.Fatal(err)
	}
}

// look compares the last message of a subject.
func (w *twin) look(subject string) {
	w.t.Helper()
	got, err := w.real.GetLastMsgForSubject(w.t.Context(), subject)
	w.same(got, err, w.fake.lastOf(subject))
}

// lookFrom compares the first message from a sequence on.
func (w *twin) lookFrom(subject string, from uint64) {
	w.t.Helper()
	want, _ := w.fake.next(subject, from)
	got, err := w.real.GetMsg(w.t.Context(), max(from, 1), natsjs.WithGetMsgSubject(subject))
	w.same(got, err, want)
}

func (w *twin) same(got *natsjs.RawStreamMsg, err error, want message) {
	w.t.Helper()
	switch {
	case errors.Is(err, natsjs.ErrMsgNotFound):
		if want.seq != 0 {
			w.t.Fatalf("there is no message, want %d", want.seq)
		}
	case err != nil:
		w.t.Fatal(err)
	case got.Sequence != want.seq || !strings.EqualFold(got.Subject, want.subject):
		w.t.Fatalf("got %d on %s, want %d on %s", got.Sequence, got.Subject, want.seq, want.subject)
	}
}
