package orchestrator

import (
	"cmp"
	"context"
	"slices"

	"github.com/millrace-dev/millrace/protocol"
)

// versions lists the versions of a queue's code, after it made one of them current if asked to.
func (c control) versions(ctx context.Context, r protocol.VersionsRequest) (protocol.VersionsAnswer, error) {
	answer := protocol.VersionsAnswer{Queue: r.Queue, Versions: []protocol.Version{}}
	if err := protocol.ValidateQueue(r.Queue); err != nil {
		return answer, err
	}
	if r.Set {
		if err := c.store.SetCurrentVersion(ctx, r.Queue, r.Current); err != nil {
			return answer, err
		}
		answer.Current = r.Current
	} else {
		current, err := c.store.CurrentVersion(ctx, r.Queue)
		if err != nil {
			return answer, err
		}
		answer.Current = current
	}
	found, err := c.countVersions(ctx, r.Queue)
	if _, known := found[answer.Current]; !known && answer.Current != "" {
		found[answer.Current] = protocol.Version{Version: answer.Current}
	}
	for _, v := range found {
		answer.Versions = append(answer.Versions, v)
	}
	slices.SortFunc(answer.Versions, func(a, b protocol.Version) int { return cmp.Compare(b.Version, a.Version) })
	return answer, err
}

func (c control) countVersions(ctx context.Context, queue string) (map[string]protocol.Version, error) {
	found := map[string]protocol.Version{}
	workers, err := c.store.LiveWorkers(ctx, queue)
	if err != nil {
		return found, err
	}
	for _, w := range workers {
		v := found[w.Version]
		v.Version = w.Version
		v.Workers++
		found[w.Version] = v
	}
	for row, err := range c.store.Rows(ctx) {
		if err != nil {
			return found, err
		}
		if row.Queue != queue || row.Status.Closed() {
			continue
		}
		v := found[row.Version]
		v.Version = row.Version
		v.Open++
		found[row.Version] = v
	}
	return found, nil
}
