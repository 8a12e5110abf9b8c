package jetstream

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// object is what the object store says of an object, and where that lies.
type object struct {
	natsjs.ObjectInfo
	revision uint64 // of the message that says it; zero when there is none
	written  time.Time
}

// gone reports whether there is no object: it was never stored, or it was deleted.
func (o object) gone() bool { return o.revision == 0 || o.Deleted }

func (s *Store) blobStream() string { return "OBJ_" + s.ns.BlobStore() }

// metaSubject and chunkSubject are the object store's own: where an object is described, and where its chunks lie.
func (s *Store) metaSubject(name string) string {
	return "$O." + s.ns.BlobStore() + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

func (s *Store) metaSubjects() string { return "$O." + s.ns.BlobStore() + ".M.>" }

func (s *Store) chunkSubject(id string) string { return "$O." + s.ns.BlobStore() + ".C." + id }

// object reads what the leader knows of an object.
func (s *Store) object(ctx context.Context, name string) (object, error) {
	e, err := s.lastOf(ctx, s.blobStream(), s.metaSubject(name))
	if err != nil || e.Seq == 0 {
		return object{}, wrap(err)
	}
	o := object{revision: e.Seq, written: e.Time}
	if err := json.Unmarshal(e.Data, &o.ObjectInfo); err != nil || o.NUID == "" {
		return o, protocol.Errorf(protocol.CodeCorrupt, "what describes the blob %q in the object store cannot be read", name)
	}
	return o, nil
}

// describe writes what is said of an object if it is still what was read at a revision; an error of code conflict says that it is not.
func (s *Store) describe(ctx context.Context, info natsjs.ObjectInfo, revision uint64) error {
	info.ModTime = time.Time{} // the message's own counts
	data, err := json.Marshal(info)
	if err != nil {
		return err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	_, err = s.tryAppend(ctx, &nats.Msg{Subject: s.metaSubject(info.Name), Data: data, Header: nats.Header{
		natsjs.MsgRollup:                 {natsjs.MsgRollupSubject},
		natsjs.ExpectedLastSubjSeqHeader: {strconv.FormatUint(revision, 10)},
	}})
	if hasCode(err, codeWrongLastSequence) || hasCode(err, codeInFlight) {
		return protocol.Errorf(protocol.CodeConflict, "the blob %q was written or deleted by somebody else", info.Name)
	}
	return wrap(err)
}

// refresh makes a blob one that was stored just now, and reports whether it is there and whole. A collector that judged it by its old age
// loses its compare-and-set.
func (s *Store) refresh(ctx context.Context, b protocol.Blob) (bool, error) {
	for {
		o, err := s.object(ctx, b.Name)
		if err != nil || o.gone() || int64(o.Size) != b.StoredSize() { //nolint:gosec // < 2^63
			return false, err
		}
		if n, err := s.countChunks(ctx, o.NUID); err != nil || n != uint64(o.Chunks) {
			return false, err
		}
		if err := s.describe(ctx, o.ObjectInfo, o.revision); !isConflict(err) {
			return err == nil, err
		}
	}
}

// TouchBlob makes a blob one that was stored just now, so that it is not collected before long. An error of code not_found says that it is
// not there.
func (s *Store) TouchBlob(ctx context.Context, b protocol.Blob) error {
	there, err := s.refresh(ctx, b)
	if err == nil && !there {
		return missing(b.Name)
	}
	return err
}

// countChunks counts the chunks of an upload that are stored.
func (s *Store) countChunks(ctx context.Context, id string) (uint64, error) {
	ctx, cancel := bounded(ctx)
	defer cancel()
	all, err := s.subjects(ctx, s.chunkSubject(id))
	return all[s.chunkSubject(id)], err
}

// subjects counts the messages of the blob stream by subject.
func (s *Store) subjects(ctx context.Context, filter string) (map[string]uint64, error) {
	stream, err := s.js.Stream(ctx, s.blobStream())
	if err != nil {
		return nil, wrap(err)
	}
	info, err := stream.Info(ctx, natsjs.WithSubjectFilter(filter))
	if err != nil {
		return nil, wrap(err)
	}
	return info.State.Subjects, nil
}

func isConflict(err error) bool {
	e := protocol.AsError(err)
	return e != nil && e.Code == protocol.CodeConflict
}
