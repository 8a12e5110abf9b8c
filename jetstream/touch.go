package jetstream

import (
	"context"
	"encoding/base64"
	"strconv"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"

	"github.com/millrace-dev/millrace/protocol"
)

// An object is a message that describes it, its meta, and its bytes in chunks, all in the stream of the bucket.
func objectStream(bucket string) string { return "OBJ_" + bucket }
func objectMeta(bucket, name string) string {
	return "$O." + bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

// TouchBlob makes an object look as if it had been stored just now, by writing its meta anew. A collector that has found it old has judged
// a revision that is not the last any more. One that is not there is not an error: it was collected, or belongs to somebody else.
func (s *Store) TouchBlob(ctx context.Context, name string) error {
	bucket := s.ns.BlobStore()
	for {
		m, err := s.leaderLast(ctx, objectStream(bucket), objectMeta(bucket, name))
		if err != nil || m.Seq == 0 {
			return wrap(err)
		}
		var info natsjs.ObjectInfo
		if err := protocol.Unmarshal(m.Data, &info); err != nil || info.Deleted {
			return nil //nolint:nilerr // nothing that anybody can read
		}
		_, err = s.js.PublishMsg(ctx, &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{
			natsjs.MsgRollup:                 {natsjs.MsgRollupSubject},
			natsjs.ExpectedLastSubjSeqHeader: {strconv.FormatUint(m.Seq, 10)},
		}})
		if !hasCode(err, codeWrongLastSequence) && !hasCode(err, codeInFlight) {
			return wrap(err)
		}
	}
}
