package collect_test

import (
	"testing"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/collect"
	"github.com/millrace-dev/millrace/protocol"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func blob(content int, age time.Duration) protocol.BlobInfo {
	return protocol.BlobInfo{Name: nameOf(content), Revision: uint64(content) + 1, Stored: noon.Add(-age), Size: 1}
}

func doomed(p *collect.Pass) (names []string) {
	for _, b := range p.Doomed() {
		names = append(names, b.Name)
	}
	return names
}

// What is young, referred to, or somebody else's stays.
func TestPass(t *testing.T) {
	t.Parallel()
	p := collect.Begin(noon, collect.Grace, 0)
	foreign := blob(9, 48*time.Hour)
	foreign.Name = "holiday.jpg"
	for _, b := range []protocol.BlobInfo{blob(0, 48*time.Hour), blob(1, 47*time.Hour), blob(2, time.Hour), blob(3, 49*time.Hour), foreign} {
		if !p.List(b) {
			t.Fatal("it wants no more")
		}
	}
	for place := range p.Places() {
		if place == protocol.PlaceHistory {
			p.Mark(nameOf(1))
		}
	}
	if got := doomed(p); len(got) != 2 || got[0] != nameOf(3) || got[1] != nameOf(0) {
		t.Errorf("doomed are %v", got)
	}
}

// Nothing is doomed before every place was read.
func TestPassThatIsCutShort(t *testing.T) {
	t.Parallel()
	p := collect.Begin(noon, collect.Grace, 0)
	p.List(blob(0, 48*time.Hour))
	if got := doomed(p); got != nil {
		t.Errorf("before anything was read: %v", got)
	}
	for place := range p.Places() {
		if place == protocol.PlaceDead {
			break
		}
	}
	if got := doomed(p); got != nil {
		t.Errorf("after some places were read: %v", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("a blob was listed after places were read")
		}
	}()
	p.List(blob(1, 48*time.Hour))
}

// Where nothing is old enough, nothing is read.
func TestPassWithoutCandidates(t *testing.T) {
	t.Parallel()
	p := collect.Begin(noon, collect.Grace, 0)
	p.List(blob(0, time.Hour))
	for place := range p.Places() {
		t.Errorf("%s is read in vain", place)
	}
	if got := doomed(p); len(got) != 0 {
		t.Errorf("doomed are %v", got)
	}
}

// A pass judges so many blobs, and the next one goes on behind them.
func TestPassesThatFollow(t *testing.T) {
	t.Parallel()
	const all = 250_000
	judged := 0
	for after, more := uint64(0), true; more; more = after != 0 {
		p := collect.Begin(noon, collect.Grace, after)
		for i := range all {
			b := blob(i, 48*time.Hour)
			b.Name = protocol.BlobName([]byte{byte(i), byte(i >> 8), byte(i >> 16), 31: 0})
			if !p.List(b) {
				break
			}
		}
		for range p.Places() {
		}
		judged += len(p.Doomed())
		after = p.Next()
	}
	if judged != all {
		t.Errorf("%d blobs were judged, of %d", judged, all)
	}
}
