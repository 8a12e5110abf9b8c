package jetstream

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// downloadBytes is how much of a blob is asked for at once. Twice as much may wait in memory for its reader.
	downloadBytes = 2 << 20
	// downloadSilence is how long a reading waits for the next chunk before it asks again, and downloadPause how long it rests when the
	// server says that it cannot answer, and how often it looks whether the connection is another.
	downloadSilence = 5 * time.Second
	downloadPause   = 250 * time.Millisecond
	// downloadPatience is how long it asks for the same chunk.
	downloadPatience = 30 * time.Second
)

// errNoChunk says that whoever answered has not the next chunk. A copy may lag behind, or have lost it.
var errNoChunk = errors.New("no such chunk")

// download reads an object's chunks by direct gets, some at a time: the next ones are asked for while the reader works on those that
// came. So the reader sets the pace, and a reading that was interrupted goes on where it was.
type download struct {
	ctx     context.Context //nolint:containedctx // it governs the reading; an io.Reader has none
	s       *Store
	blob    protocol.Blob
	object  object
	at, end int64  // the next byte for the reader, and the first that is not for it any more
	skip    int64  // bytes before those that come next
	rest    []byte // of the chunk that the reader is in
	sum     *sum   // of what was read; nil of a part
	summed  <-chan struct{}

	inbox string
	sub   *nats.Subscription
	wake  chan struct{} // something came

	mu      sync.Mutex
	asked   int         // requests so far: what answers another than the last is late
	line    uint64      // how often the connection had been made anew when the last one was sent
	pending bool        // the last request is not answered to its end
	next    uint64      // the sequence that the next request begins with
	last    uint64      // the sequence of what came last for the last request; zero before the first
	index   int         // the chunk that comes next
	have    int64       // the object's byte that it begins with
	arrived []*nats.Msg // in order
	trouble error       // why the last request was not answered
	closed  bool
}

// Read implements [io.Reader].
func (d *download) Read(p []byte) (int, error) {
	for len(d.rest) == 0 {
		if d.at >= d.end {
			return 0, d.verify()
		}
		m, err := d.chunk()
		if err != nil {
			return 0, err
		}
		d.open(m.Data)
	}
	n := copy(p, d.rest)
	d.rest = d.rest[n:]
	d.at += int64(n)
	return n, nil
}

// open takes of a chunk what is wanted.
func (d *download) open(data []byte) {
	if d.skip >= int64(len(data)) {
		d.skip -= int64(len(data))
		return
	}
	data = data[d.skip:]
	d.skip = 0
	d.rest = data[:min(int64(len(data)), d.end-d.at)]
	if d.sum != nil {
		if d.summed != nil {
			<-d.summed // so that no more than two chunks wait to be added up
		}
		d.summed = d.sum.last
		d.sum.add(d.rest)
	}
}

// verify is the end of the reading, or an error if it was not of what was stored.
func (d *download) verify() error {
	if d.sum != nil && hex.EncodeToString(d.sum.end()) != d.blob.SHA256 {
		return damaged(d.blob, d.blob.StoredSize())
	}
	return io.EOF
}

// Close implements [io.Closer].
func (d *download) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sub != nil && !d.closed {
		_ = d.sub.Unsubscribe() // fails only on a closed connection
	}
	d.closed, d.arrived = true, nil
	return nil
}

// chunk waits for the next chunk.
func (d *download) chunk() (*nats.Msg, error) {
	if err := d.ctx.Err(); err != nil {
		return nil, wrap(err)
	}
	since := time.Now()
	asked := since
	look := time.NewTicker(downloadPause)
	defer look.Stop()
	for {
		m, err := d.take()
		switch passing := errors.Is(err, protocol.ErrUnavailable) && !d.s.nc.IsClosed() && time.Since(since) < downloadPatience; {
		case m != nil:
			return m, nil
		case errors.Is(err, errNoChunk):
			return d.fromLeader()
		case err != nil && !passing:
			return nil, err
		}
		select {
		case <-d.wake:
			continue
		case <-look.C:
		case <-d.ctx.Done():
			return nil, wrap(d.ctx.Err())
		}
		now := time.Now()
		if now.Sub(since) > downloadPatience {
			return nil, wrap(nats.ErrTimeout)
		}
		if err != nil || now.Sub(asked) > downloadSilence || d.s.nc.Stats().Reconnects != d.reconnects() {
			asked = now
			d.again()
		}
	}
}

// reconnects is how often the connection had been made anew when the last request was sent: an answer over the one before is lost.
func (d *download) reconnects() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.line
}

// take is the next chunk that has come, if one has. It sees to it that more comes.
func (d *download) take() (m *nats.Msg, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, protocol.Errorf(protocol.CodeClosed, "the blob was closed while it was read")
	}
	if len(d.arrived) > 0 {
		m = d.arrived[0]
		d.arrived[0] = nil
		d.arrived = d.arrived[1:]
	} else if err = d.trouble; d.s.nc.IsClosed() {
		err = wrap(nats.ErrConnectionClosed)
	}
	d.more()
	return m, err
}

// more asks for the next chunks if all that was asked for is here and not too much of it waits. mu is held.
func (d *download) more() {
	if !d.pending && d.trouble == nil && !d.closed && d.have < d.end && int64(len(d.arrived)) <= d.batch() {
		d.ask()
	}
}

// again asks once more for what did not come.
func (d *download) again() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.arrived) == 0 && !d.closed {
		d.ask()
	}
}

// batch is how many chunks are asked for at once.
func (d *download) batch() int64 { return max(downloadBytes/d.object.chunkSize(), 1) }

// ask sends a request. mu is held.
func (d *download) ask() {
	if d.sub == nil {
		d.inbox = d.s.nc.NewInbox() + "."
		if d.sub, d.trouble = d.s.nc.Subscribe(d.inbox+"*", d.deliver); d.trouble != nil {
			d.trouble = wrap(d.trouble)
			return
		}
		d.sub.SetClosedHandler(func(string) { d.notify() })
	}
	d.asked++
	d.last = 0
	d.pending, d.line = true, d.s.nc.Stats().Reconnects
	batch := min(d.batch(), (d.end-1)/d.object.chunkSize()-d.have/d.object.chunkSize()+1)
	req := `{"seq":` + strconv.FormatUint(d.next, 10) + `,"next_by_subj":"` + d.s.chunkSubject(d.object.NUID) +
		`","batch":` + strconv.FormatInt(max(batch, 1), 10) + `,"max_bytes":` + strconv.Itoa(downloadBytes) + `}`
	d.trouble = wrap(d.s.nc.PublishRequest(d.s.api("DIRECT.GET."+d.s.blobStream()), d.inbox+strconv.Itoa(d.asked), []byte(req)))
}

// deliver takes an answer.
func (d *download) deliver(m *nats.Msg) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || m.Subject != d.inbox+strconv.Itoa(d.asked) {
		return
	}
	switch status := m.Header.Get("Status"); status {
	case "":
		d.receive(m)
	case "204": // the end of what was asked for
		d.pending = false
	case "404":
		d.pending, d.trouble = false, errNoChunk
	default:
		d.pending = false
		d.trouble = protocol.Errorf(protocol.CodeUnavailable, "the object store does not answer (%s)", status).WithHint("it may pass")
	}
	d.more()
	d.notify()
}

// receive takes a chunk of an answer. When one before it got lost, the rest is asked for anew.
func (d *download) receive(m *nats.Msg) {
	seq, err := strconv.ParseUint(m.Header.Get(natsjs.SequenceHeader), 10, 64)
	switch {
	case d.trouble != nil:
	case err != nil:
		d.trouble = wrap(err)
	case !follows(m.Header, d.last):
		d.ask()
	default:
		d.last = seq
		d.arrive(seq, m)
	}
}

// notify wakes the reader.
func (d *download) notify() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// arrive takes a chunk, unless it is not the one that comes next. mu is held.
func (d *download) arrive(seq uint64, m *nats.Msg) {
	if !d.object.fits(d.index, len(m.Data), m.Header) {
		d.trouble = errNoChunk
		return
	}
	d.next = seq + 1
	d.index++
	d.have += int64(len(m.Data))
	d.arrived = append(d.arrived, m)
}

// fromLeader asks the stream's leader for the chunk that a replica, or a server without more, has not.
func (d *download) fromLeader() (m *nats.Msg, err error) {
	d.mu.Lock()
	next, index := d.next, d.index
	d.mu.Unlock()
	var seq uint64
	var why error
	found, err := d.s.fromAnyCopy(d.ctx, d.s.blobStream(), func() (found bool, err error) {
		m, seq, _, err = d.s.chunkOfLeader(d.ctx, d.object.NUID, next)
		if err != nil || seq != 0 && d.object.fits(index, len(m.Data), m.Header) {
			return err == nil, err
		}
		if why = d.lost(); errors.Is(why, protocol.ErrNotFound) {
			return false, why // it was removed meanwhile
		}
		return false, nil
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, why
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trouble = nil
	d.arrive(seq, m)
	d.arrived = d.arrived[1:]
	d.more()
	return m, nil
}

// lost says why the rest of an object is not there.
func (d *download) lost() error {
	o, err := d.s.object(d.ctx, d.blob.Name)
	switch {
	case err != nil:
		return err
	case o.gone(), o.NUID != d.object.NUID:
		return missing(d.blob.Name)
	}
	return damaged(d.blob, d.have)
}
