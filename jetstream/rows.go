package jetstream

import (
	"context"
	"errors"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/millrace-dev/millrace/protocol"
)

const (
	// batchFrom is the number of rows from which on an atomic batch costs less than as many publishes. A batch takes some ten milliseconds,
	// most of them to make and remove a directory of its own, and is flushed once; a publish is flushed alone.
	batchFrom = 16
	// batchMost is how many rows one batch has; the server takes up to 1,000.
	batchMost = 1000
)

// PutRows stores the rows of runs. An error says that some may not be stored: all can be put again.
func (s *Store) PutRows(ctx context.Context, rows []protocol.Row) error {
	msgs := make([]*nats.Msg, len(rows))
	for i := range rows {
		row := &rows[i]
		data, err := protocol.Marshal(row)
		if err != nil {
			return err
		}
		key := bucketKey(s.ns.Bucket(runsBucket), protocol.RowKey(row.ID, row.Run))
		msgs[i] = &nats.Msg{Subject: key, Data: data, Header: nats.Header{}}
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	if len(msgs) < batchFrom {
		acks := make([]func(context.Context) error, len(msgs))
		for i, m := range msgs {
			acks[i] = s.publish(m)
		}
		var errs []error
		for _, ack := range acks {
			errs = append(errs, ack(ctx))
		}
		return errors.Join(errs...)
	}
	for batch := range slices.Chunk(msgs, batchMost) {
		if _, err := jetstreamext.PublishMsgBatch(ctx, s.js, batch); err != nil {
			return wrap(err)
		}
	}
	return nil
}
