package verdict

import "github.com/millrace-dev/millrace/protocol"

// attempt names attempts of an activity: more than one may have the same number, since activities run at least once.
type attempt struct {
	run, activity string
	number        int
}

// once judges that each result of an activity is one which an attempt of it has written down. That it is recorded once is what [legal]
// judges.
func once(d *docket) (found findings) {
	did := map[attempt]map[string]bool{}
	for _, n := range d.Notes {
		a := attempt{n.Run, n.Activity, n.Attempt}
		if did[a] == nil {
			did[a] = map[string]bool{}
		}
		if n.Kind == Did {
			did[a][n.Digest] = true
		}
	}
	d.each(func(h *History, r *Run) {
		scheduled := map[int64]protocol.ActivityTaskScheduled{}
		numbers := map[int64]int{}
		for _, e := range r.Events {
			switch a := e.Attributes.(type) {
			case protocol.ActivityTaskScheduled:
				scheduled[e.ID] = a
			case protocol.ActivityTaskStarted:
				numbers[a.ScheduledID] = a.Attempt
			case protocol.ActivityTaskCompleted:
				s, n := scheduled[a.ScheduledID], numbers[a.ScheduledID]
				results, tried := did[attempt{r.ID, s.ActivityID, n}]
				switch {
				case !tried:
					found.addf(Once, h.ID, r.ID, "activity %s has a result of attempt %d, which no worker knows", s.ActivityID, n)
				case !results[a.Result.Digest()]:
					found.addf(Once, h.ID, r.ID, "activity %s has a result that attempt %d did not return", s.ActivityID, n)
				}
				if most := s.RetryPolicy.MaximumAttempts; most > 0 && n > most {
					found.addf(Once, h.ID, r.ID, "activity %s was tried %d times, of %d", s.ActivityID, n, most)
				}
			}
		}
		d.onceLocal(&found, h, r, did)
	})
	return found
}

// onceLocal judges the results of local activities, which are markers.
func (d *docket) onceLocal(found *findings, h *History, r *Run, did map[attempt]map[string]bool) {
	for _, m := range attributes[protocol.MarkerRecorded](r) {
		if m.Name != protocol.MarkerLocalActivity || m.Failure != nil {
			continue
		}
		known := false
		for n := 1; !known; n++ {
			results, tried := did[attempt{r.ID, m.ID, n}]
			if !tried {
				break
			}
			known = results[m.Value.Digest()]
		}
		if !known {
			found.addf(Once, h.ID, r.ID, "local activity %s has a result that no attempt returned", m.ID)
		}
	}
}
