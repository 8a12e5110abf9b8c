package jetstream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// requestPatience is how long a node may take over a request of the control API before another one is asked as well. A node that is
	// killed with a request in its hands says nothing, and the server does not know that it had it.
	requestPatience = 2 * time.Second
	// streamPatience is the same of a server that has a stream. A leader that dies says nothing, and nobody speaks for it until there is
	// another: what was asked a moment before that would wait for the end of its time, while everybody else goes on.
	streamPatience = time.Second
	// leaderGrace is how long a leader may take to answer after another server has said that there is none.
	leaderGrace = 500 * time.Millisecond
)

// request sends a core request, and again after a while: the first answer counts. So it must be one that may be asked twice.
func (s *Store) request(ctx context.Context, subject string, data []byte, patience time.Duration) (*nats.Msg, error) {
	return s.requestOf(ctx, subject, data, patience, func(*nats.Msg) bool { return true })
}

// requestOf is request for an answer that counts. One that does not counts after all if no other is heard soon.
func (s *Store) requestOf(
	ctx context.Context, subject string, data []byte, patience time.Duration, counts func(*nats.Msg) bool,
) (*nats.Msg, error) {
	answers, err := s.mux.open(verdictsKept)
	if err != nil {
		return nil, err
	}
	defer answers.close()
	for ; ; patience *= 2 {
		if err := s.nc.PublishRequest(subject, answers.to, data); err != nil {
			return nil, err
		}
		if m, err := s.hear(ctx, answers, patience, counts); m != nil || err != nil {
			return m, err
		}
	}
}

// hear waits for an answer; nil when there is none.
func (s *Store) hear(ctx context.Context, answers replies, patience time.Duration, counts func(*nats.Msg) bool) (*nats.Msg, error) {
	enough := s.limits.start(patience)
	defer s.limits.stop(enough)
	var other *nats.Msg
	for {
		select {
		case m := <-answers.heard:
			switch {
			case noResponders(m):
				return nil, nats.ErrNoResponders
			case counts(m):
				return m, nil
			}
			if other == nil {
				enough.Reset(leaderGrace)
			}
			other = m
		case <-enough.C:
			return other, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// askLeader is request for what only the leader of a stream answers. Any other server that has a copy may say that nobody leads the stream,
// and one whose copy cannot be opened says so for ever, sooner than the leader answers if it is the server of this connection (nats-server
// 2.15.3). So that counts only if nothing else is heard.
func (s *Store) askLeader(ctx context.Context, call string, in any) (*nats.Msg, error) {
	return s.send(ctx, call, in, func(ctx context.Context, subject string, data []byte) (*nats.Msg, error) {
		return s.requestOf(ctx, subject, data, streamPatience, knowsALeader)
	})
}

// knowsALeader reports whether an answer of the JetStream API is something else than that nobody leads a stream.
func knowsALeader(m *nats.Msg) bool {
	const longest = 512 // of such an answer
	return len(m.Data) > longest || !hasNoLeader(refusedCall(m, nil))
}

// api is the subject of a JetStream request.
func (s *Store) api(call string) string { return natsjs.DefaultAPIPrefix + call }

// streamInfo is what is read of what a stream's leader tells of it.
type streamInfo struct {
	Error   *natsjs.APIError    `json:"error"`
	State   natsjs.StreamState  `json:"state"`
	Cluster *natsjs.ClusterInfo `json:"cluster"` // nil at a server that is alone
}

func (s *Store) info(ctx context.Context, stream string) (info streamInfo, err error) {
	reply, err := s.askLeader(ctx, "STREAM.INFO."+stream, struct{}{})
	if err != nil {
		return info, wrap(err)
	}
	err = protocol.Unmarshal(reply.Data, &info)
	switch {
	case err != nil:
		return info, wrap(err)
	case info.Error != nil && info.Error.ErrorCode == natsjs.JSErrCodeStreamNotFound:
		return info, wrap(natsjs.ErrStreamNotFound)
	case info.Error != nil:
		return info, wrap(info.Error)
	}
	return info, nil
}

// state is that of a stream, as its leader knows it.
func (s *Store) state(ctx context.Context, stream string) (natsjs.StreamState, error) {
	info, err := s.info(ctx, stream)
	if err != nil {
		return natsjs.StreamState{}, err
	}
	return info.State, nil
}

// insist has a stream do something that may be done twice, at any later time as well, and reports why it was refused.
func (s *Store) insist(ctx context.Context, call string, in any) error {
	return refusedCall(s.askLeader(ctx, call, in))
}
