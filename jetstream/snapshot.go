package jetstream

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// snapshotPatience is how long a snapshot may stand still.
const snapshotPatience = 30 * time.Second

// Snapshot is a stream as it was at one moment. Its content lies elsewhere.
type Snapshot struct {
	// Config and State are what the server said of the stream, and wants to hear when it is restored.
	Config jsontext.Value `json:"config"`
	State  jsontext.Value `json:"state"`
}

// SnapshotState is what is read of a [Snapshot]'s State.
type SnapshotState struct {
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`
	Last     uint64 `json:"last_seq"`
}

// State reads how large a stream is.
func (s *Store) State(ctx context.Context, stream string) (SnapshotState, error) {
	st, err := s.state(ctx, stream)
	return SnapshotState{Messages: st.Msgs, Bytes: st.Bytes, Last: st.LastSeq}, err
}

// Snapshot writes what a stream contains. It has no message that was stored after the call, and may lack those that were removed since. A
// message that is damaged fails it. Consumers are not part of it: readers and workers make theirs anew.
func (s *Store) Snapshot(ctx context.Context, stream string, w io.Writer) (Snapshot, error) {
	inbox := s.nc.NewInbox()
	chunks, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return Snapshot{}, wrap(err)
	}
	defer chunks.Unsubscribe() //nolint:errcheck // fails only on a closed connection
	if err := chunks.SetPendingLimits(-1, -1); err != nil {
		return Snapshot{}, wrap(err)
	}
	var taken struct {
		Snapshot

		Error *natsjs.APIError `json:"error"`
	}
	err = s.ask(ctx, "STREAM.SNAPSHOT."+stream, map[string]any{"deliver_subject": inbox, "no_consumers": true}, &taken)
	if err == nil && taken.Error != nil {
		err = wrap(taken.Error)
	}
	if err != nil {
		return Snapshot{}, err
	}
	return taken.Snapshot, receive(ctx, stream, chunks, w)
}

// receive writes the chunks of a snapshot, and asks for more by acknowledging them.
func receive(ctx context.Context, stream string, chunks *nats.Subscription, w io.Writer) error {
	for {
		wait, cancel := context.WithTimeout(ctx, snapshotPatience)
		m, err := chunks.NextMsgWithContext(wait)
		cancel()
		if err != nil {
			return wrap(err)
		}
		if len(m.Data) == 0 {
			if status := m.Header.Get("Status"); status != "" && status != "204" {
				return protocol.Errorf(protocol.CodeCorrupt,
					"the stream %s cannot be read to its end: %s", stream, m.Header.Get("Description")).
					WithHint("look at the server's log and its disk")
			}
			return nil
		}
		if _, err := w.Write(m.Data); err != nil {
			return err
		}
		if m.Reply != "" {
			if err := m.Respond(nil); err != nil {
				return wrap(err)
			}
		}
	}
}

// restoreChunk is how much of a snapshot a message has, and restoreAhead how many messages are on their way at once.
const (
	restoreChunk = 128 << 10
	restoreAhead = 64
	// restoreAgain is how soon a first message is sent again that nobody heard.
	restoreAgain = 10 * time.Millisecond
)

// RestoreStream makes a stream anew from a snapshot. There must be none of its name.
func (s *Store) RestoreStream(ctx context.Context, stream string, of Snapshot, r io.Reader) error {
	var begun struct {
		Deliver string           `json:"deliver_subject"`
		Error   *natsjs.APIError `json:"error"`
	}
	err := s.ask(ctx, "STREAM.RESTORE."+stream, of, &begun)
	if err == nil && begun.Error != nil {
		err = wrap(begun.Error)
	}
	if err != nil {
		return err
	}
	acks, err := s.nc.SubscribeSync(s.nc.NewInbox())
	if err != nil {
		return wrap(err)
	}
	defer acks.Unsubscribe() //nolint:errcheck // fails only on a closed connection
	send := func(data []byte) error { return wrap(s.nc.PublishRequest(begun.Deliver, acks.Subject, data)) }
	chunk, err := nextChunk(r)
	if err != nil {
		return err
	}
	if err := heard(ctx, stream, acks, func() error { return send(chunk) }); err != nil || len(chunk) == 0 {
		return err
	}
	for ahead := 0; len(chunk) > 0 || ahead > 0; {
		if len(chunk) == 0 || ahead == restoreAhead {
			ahead--
			if err := restored(ctx, stream, acks); err != nil {
				return err
			}
			continue
		}
		if chunk, err = nextChunk(r); err != nil {
			return err
		}
		if len(chunk) > 0 {
			ahead++
			if err := send(chunk); err != nil {
				return err
			}
		}
	}
	if err := send(nil); err != nil {
		return err
	}
	return restored(ctx, stream, acks)
}

// nextChunk reads as much of a snapshot as a message has; nothing at its end.
func nextChunk(r io.Reader) ([]byte, error) {
	chunk := make([]byte, restoreChunk)
	n, err := io.ReadFull(r, chunk)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return chunk[:n], err
}

// heard sends the first chunk until somebody hears it. In a cluster, the server that restores may be another than the one of this
// connection, which learns where chunks go a moment after it has passed on the answer that says so.
func heard(ctx context.Context, stream string, acks *nats.Subscription, send func() error) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotPatience)
	defer cancel()
	for {
		if err := send(); err != nil {
			return err
		}
		err := restored(ctx, stream, acks)
		if !errors.Is(err, nats.ErrNoResponders) {
			return err
		}
		select {
		case <-time.After(restoreAgain):
		case <-ctx.Done():
			return err
		}
	}
}

// restored waits for what the server says to a chunk.
func restored(ctx context.Context, stream string, acks *nats.Subscription) error {
	ctx, cancel := context.WithTimeout(ctx, snapshotPatience)
	defer cancel()
	m, err := acks.NextMsgWithContext(ctx)
	if err != nil {
		return wrap(err)
	}
	var answer struct {
		Error *natsjs.APIError `json:"error"`
	}
	if len(m.Data) == 0 {
		return nil
	}
	if err := protocol.Unmarshal(m.Data, &answer); err != nil {
		return wrap(err)
	}
	if answer.Error != nil {
		return protocol.Errorf(protocol.CodeCorrupt, "the stream %s cannot be restored: %s", stream, answer.Error.Description)
	}
	return nil
}
