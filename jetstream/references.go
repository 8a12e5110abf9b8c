package jetstream

import (
	"context"
	"iter"

	"github.com/millrace-dev/millrace/protocol"
)

// References finds what the messages in a place refer to, one reference after the other. The records of histories name theirs in their
// headers, so they are not read themselves; a reader of many sees one reference of a message as often as the message has it.
func (s *Store) References(ctx context.Context, place protocol.Place) iter.Seq2[protocol.Reference, error] {
	return func(yield func(protocol.Reference, error) bool) {
		for _, where := range s.assets(place) {
			messages := s.scan(ctx, where.stream, where.filter, 1, place != protocol.PlaceHistory)
			if place == protocol.PlaceTasks {
				messages = s.browse(ctx, where.stream, where.filter)
			}
			for d, err := range messages {
				if err != nil {
					yield(protocol.Reference{}, err)
					return
				}
				r, names, err := s.refers(ctx, place, where.stream, d)
				if err != nil {
					yield(protocol.Reference{}, err)
					return
				}
				for _, r.Name = range names {
					if !yield(r, nil) {
						return
					}
				}
			}
		}
	}
}

// refers tells what a message refers to.
func (s *Store) refers(
	ctx context.Context, place protocol.Place, stream string, d protocol.Delivery,
) (r protocol.Reference, names []string, err error) {
	data := d.Data
	if place == protocol.PlaceHistory {
		named, many := protocol.ParseBlobsHeader(d.Get(protocol.HeaderBlobs))
		if names = named; many {
			m, err := s.leaderGet(ctx, stream, map[string]any{"seq": d.Seq})
			if err != nil {
				return r, nil, wrap(err)
			}
			data = m.Data // of a record that was removed meanwhile there is nothing
		}
	}
	if len(data) > 0 {
		plain, err := protocol.Unpack(data)
		if err != nil && place == protocol.PlaceHistory {
			return r, nil, err // nobody knows what it refers to
		}
		if err == nil { // else it is a dead letter that refers to nothing
			names = protocol.BlobNames(plain)
		}
	}
	if len(names) == 0 {
		return r, nil, nil
	}
	r = protocol.Reference{Place: place, Subject: d.Subject, Seq: d.Seq}
	if place == protocol.PlaceHistory {
		r.Run = d.Get(protocol.HeaderRun)
		if r.Workflow, err = s.ns.ParseHistory(d.Subject); err != nil {
			r.Workflow = d.Subject
		}
	}
	return r, names, nil
}

// asset is where the messages of a place lie.
type asset struct{ stream, filter string }

func (s *Store) assets(place protocol.Place) []asset {
	each := func(of func(shard int) asset) (all []asset) {
		for shard := range s.config.Shards {
			all = append(all, of(shard))
		}
		return all
	}
	switch place {
	case protocol.PlaceHeartbeats:
		bucket := s.ns.Bucket(heartbeatsBucket)
		return []asset{{bucketStream(bucket), bucketKey(bucket, ">")}}
	case protocol.PlaceTimers:
		return each(func(i int) asset { return asset{s.ns.TimersStream(i), s.ns.Timers(i)} })
	case protocol.PlaceTasks:
		return []asset{{s.ns.TasksStream(), s.ns.Tasks()}}
	case protocol.PlaceInbox:
		return each(func(i int) asset { return asset{s.ns.InboxStream(i), s.ns.Inputs(i)} })
	case protocol.PlaceDead:
		return []asset{{s.ns.DeadStream(), s.ns.DeadLetters()}}
	case protocol.PlaceHistory:
		return each(func(i int) asset { return asset{s.ns.HistoryStream(i), s.ns.Histories(i)} })
	}
	return nil
}
