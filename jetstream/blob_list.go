package jetstream

import (
	"context"
	"encoding/json"
	"iter"
	"strings"
	"time"

	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// BlobInfo is what the object store knows of a blob.
type BlobInfo = protocol.BlobInfo

// Blobs lists the blobs of the namespace, in the order of their revisions.
func (s *Store) Blobs(ctx context.Context) iter.Seq2[BlobInfo, error] {
	return func(yield func(BlobInfo, error) bool) {
		for o, err := range s.objects(ctx) {
			if err != nil {
				yield(BlobInfo{}, err)
				return
			}
			b := BlobInfo{
				Name: o.Name, Size: int64(o.Size), Stored: o.written, Revision: o.revision, Upload: o.NUID, //nolint:gosec // < 2^63
			}
			if !o.gone() && !yield(b, nil) {
				return
			}
		}
	}
}

// BlobInfo reads what the object store knows of a blob. An error of code not_found says that it is not there.
func (s *Store) BlobInfo(ctx context.Context, name string) (BlobInfo, error) {
	o, err := s.object(ctx, name)
	if err == nil && o.gone() {
		err = missing(name)
	}
	return BlobInfo{Name: name, Size: int64(o.Size), Stored: o.written, Revision: o.revision, Upload: o.NUID}, err //nolint:gosec // < 2^63
}

// DeleteBlob removes a blob if it is still as it was seen: an error of code conflict says that it was stored again meanwhile, or deleted.
// What a crash leaves of its chunks is a dead upload.
func (s *Store) DeleteBlob(ctx context.Context, b BlobInfo) error {
	info := natsjs.ObjectInfo{
		ObjectMeta: natsjs.ObjectMeta{Name: b.Name}, Bucket: s.ns.BlobStore(), NUID: b.Upload, Deleted: true,
	}
	if b.Upload == "" {
		return protocol.Errorf(protocol.CodeBadRequest, "the blob %q was not read from the object store", b.Name)
	}
	if err := s.describe(ctx, info, b.Revision); err != nil {
		return err
	}
	if err := s.purge(ctx, s.blobStream(), natsjs.WithPurgeSubject(s.chunkSubject(b.Upload))); err != nil {
		return err
	}
	return s.forget(ctx, b.Name)
}

// forget removes the mark of a deletion: without it the object store would remember every object that there ever was. What was stored
// since stays.
func (s *Store) forget(ctx context.Context, name string) error {
	o, err := s.object(ctx, name)
	if err != nil || o.revision == 0 || !o.Deleted {
		return err
	}
	return s.purge(ctx, s.blobStream(), natsjs.WithPurgeSubject(s.metaSubject(name)), natsjs.WithPurgeSequence(o.revision+1))
}

// DeadUpload is what is left of an upload, or of a deletion, that did not come to its end: chunks that no object has.
type DeadUpload = protocol.DeadUpload

// DeadUploads lists the chunks that no object has and none was added to for some time. That should be longer than anybody who writes to a
// blob rests.
func (s *Store) DeadUploads(ctx context.Context, age time.Duration) ([]DeadUpload, error) {
	prefix := s.chunkSubject("")
	chunks, err := s.subjects(ctx, prefix+">") // before the objects: an upload that ends between the two has one
	if err != nil {
		return nil, err
	}
	for o, err := range s.objects(ctx) {
		if err != nil {
			return nil, err
		}
		if !o.gone() {
			delete(chunks, s.chunkSubject(o.NUID))
		}
	}
	var dead []DeadUpload
	for subject, n := range chunks {
		last, err := s.lastOf(ctx, s.blobStream(), subject)
		if err != nil {
			return nil, wrap(err)
		}
		if last.Seq != 0 && time.Since(last.Time) >= age {
			u := DeadUpload{ID: strings.TrimPrefix(subject, prefix), Chunks: int(n), Last: last.Time} //nolint:gosec // 2^32 at most
			dead = append(dead, u)
		}
	}
	return dead, nil
}

// DeleteUpload removes what is left of an upload.
func (s *Store) DeleteUpload(ctx context.Context, u DeadUpload) error {
	return s.purge(ctx, s.blobStream(), natsjs.WithPurgeSubject(s.chunkSubject(u.ID)))
}

// listBatch is how many objects are read at once.
const listBatch = 500

// objects reads what is said of every object, deleted ones included. What cannot be read is passed over: somebody else wrote it.
func (s *Store) objects(ctx context.Context) iter.Seq2[object, error] {
	return func(yield func(object, error) bool) {
		if state, err := s.state(ctx, s.blobStream()); err == nil && state.Msgs == 0 {
			return // as mostly; a consumer costs more
		}
		create, cancel := bounded(ctx)
		consumer, err := s.js.CreateConsumer(create, s.blobStream(), natsjs.ConsumerConfig{
			FilterSubject: s.metaSubjects(), AckPolicy: natsjs.AckNonePolicy, MemoryStorage: true, InactiveThreshold: time.Minute,
		})
		cancel()
		if err != nil {
			yield(object{}, wrap(err))
			return
		}
		defer s.dropConsumer(ctx, consumer)
		for more := true; more; {
			if more, err = listed(consumer, func(o object) bool { return yield(o, nil) }); err != nil {
				yield(object{}, err)
			}
		}
	}
}

// listed reads some objects, and reports whether there may be more that are wanted.
func listed(consumer natsjs.Consumer, take func(object) bool) (more bool, err error) {
	batch, err := consumer.FetchNoWait(listBatch)
	if err != nil {
		return false, wrap(err)
	}
	wanted := true
	for m := range batch.Messages() { // to the end: the library closes the channel then
		meta, err := m.Metadata()
		if err != nil || !wanted {
			continue
		}
		more = true
		o := object{revision: meta.Sequence.Stream, written: meta.Timestamp}
		if json.Unmarshal(m.Data(), &o.ObjectInfo) == nil && o.NUID != "" {
			wanted = take(o)
		}
	}
	return more && wanted, wrap(batch.Error())
}

func (s *Store) dropConsumer(ctx context.Context, c natsjs.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultTimeout)
	defer cancel()
	_ = s.js.DeleteConsumer(ctx, s.blobStream(), c.CachedInfo().Name) // otherwise it goes by itself
}
