package jetstream

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
)

// chunkSize is how many bytes each chunk of the object has but the last. Of an object that others wrote it is the most that one has.
func (o object) chunkSize() int64 {
	if o.Opts != nil && o.Opts.ChunkSize > 0 {
		return int64(o.Opts.ChunkSize)
	}
	return largestChunk
}

// fits reports whether a chunk can be the one of that index. A chunk that others wrote does not say which it is.
func (o object) fits(index, size int, h nats.Header) bool {
	is := h.Get(headerChunk)
	if is == "" {
		return true
	}
	begins := int64(index) * o.chunkSize()
	return is == strconv.Itoa(index) && int64(size) == min(o.chunkSize(), int64(o.Size)-begins) //nolint:gosec // < 2^63
}

// locate finds the chunk in which the wanted part begins. Chunks lie in order, and next to each other unless others were stored at the same
// time, so the first look is mostly enough; otherwise the range in which it must lie is halved. Where the object does not say where it
// lies, or not the truth because its stream was copied, the reading begins with the first chunk.
func (d *download) locate() error {
	d.skip = d.at
	want := int(d.at / d.object.chunkSize())
	first, last := d.object.sequence(metadataFirst), d.object.sequence(metadataLast)
	if d.at >= d.end || want == 0 || first == 0 || last < first {
		return nil
	}
	lo, hi := first+uint64(want), last-uint64(int(d.object.Chunks)-1-want) //nolint:gosec // small
	look := lo
	for lo <= hi {
		m, seq, index, err := d.s.chunkAt(d.ctx, d.object.NUID, look)
		switch {
		case err != nil:
			return err
		case seq == 0 || index < 0:
			return nil
		case index == want:
			d.index, d.have, d.next = want, int64(want)*d.object.chunkSize(), seq
			d.skip -= d.have
			d.arrive(seq, m)
			return nil
		case index < want:
			lo = seq + uint64(want-index) //nolint:gosec // > 0
		default:
			hi = look - 1
		}
		look = lo + (hi-lo)/2
	}
	return nil
}

func (o object) sequence(key string) uint64 {
	seq, err := strconv.ParseUint(o.Metadata[key], 10, 64)
	if err != nil {
		return 0
	}
	return seq
}

// chunkAt is the first chunk of an upload from a sequence on: where it lies, and which it is. A sequence of zero says that there is none,
// and an index below zero that it does not say which it is.
func (s *Store) chunkAt(ctx context.Context, id string, from uint64) (m *nats.Msg, seq uint64, index int, err error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	req := `{"seq":` + strconv.FormatUint(from, 10) + `,"next_by_subj":"` + s.chunkSubject(id) + `"}`
	m, err = s.nc.RequestWithContext(ctx, s.api("DIRECT.GET."+s.blobStream()), []byte(req))
	if err != nil {
		return nil, 0, 0, wrap(err)
	}
	if seq, err = strconv.ParseUint(m.Header.Get(natsjs.SequenceHeader), 10, 64); err != nil {
		return s.chunkOfLeader(ctx, id, from)
	}
	return m, seq, chunkIndex(m.Header), nil
}

// chunkOfLeader is chunkAt as the stream's leader knows it: a replica may lag behind.
func (s *Store) chunkOfLeader(ctx context.Context, id string, from uint64) (*nats.Msg, uint64, int, error) {
	stored, err := s.leaderGet(ctx, s.blobStream(), map[string]any{"seq": from, "next_by_subj": s.chunkSubject(id)})
	if err != nil || stored.Seq == 0 {
		return nil, 0, 0, wrap(err)
	}
	h, err := stored.header()
	if err != nil {
		return nil, 0, 0, wrap(err)
	}
	return &nats.Msg{Header: h, Data: stored.Data}, stored.Seq, chunkIndex(h), nil
}

func chunkIndex(h nats.Header) int {
	index, err := strconv.Atoi(h.Get(headerChunk))
	if err != nil {
		return -1
	}
	return index
}
