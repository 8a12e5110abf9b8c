package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// workPayload is measured only when it is asked for by name: it moves gigabytes.
const workPayload = "payload"

// Payload is how a value, or a file, of a size fares.
type Payload struct {
	Bytes int64 `json:"bytes"`
	N     int   `json:"n"`
	// Raw is how many megabytes the client library puts into the object store and gets out of it again in a second. Echo is how many a
	// client gives to a workflow, whose activity copies them, and reads again: they go into the store twice, and out of it twice.
	Raw  float64 `json:"raw_mb_per_s"`
	Echo float64 `json:"echo_mb_per_s"`
	// Ratio is Echo to Raw.
	Ratio float64 `json:"ratio"`
	// Required is the least ratio, and RequiredMB the most memory of worker and client; zero means that there is no such bound.
	Required   float64 `json:"required,omitempty"`
	RequiredMB float64 `json:"required_mb,omitempty"`
	// Worker and Client are the most memory that each of them took, in megabytes.
	Worker float64 `json:"worker_mb"`
	Client float64 `json:"client_mb"`
}

// Met reports whether the figures are within their bounds.
func (p Payload) Met() bool {
	return p.Ratio >= p.Required && (p.RequiredMB == 0 || p.Worker <= p.RequiredMB && p.Client <= p.RequiredMB)
}

func (p Payload) verdict() string {
	switch {
	case p.Required == 0:
		return ""
	case p.Met():
		return met
	}
	return missed
}

// payloads are the sizes, and how often each is measured.
var payloads = []Payload{
	{Bytes: 1 << 10, N: 200},
	{Bytes: 100 << 10, N: 100},
	{Bytes: 1 << 20, N: 30},
	{Bytes: 10 << 20, N: 10, Required: 0.5},
	{Bytes: 100 << 20, N: 3, Required: 0.5},
	{Bytes: 1 << 30, N: 1, Required: 0.5, RequiredMB: 150},
}

// moving measures values and files of many sizes, with server, node, worker and client in processes of their own.
func moving(ctx context.Context, s *session) (err error) {
	s.known = append(s.known, workPayload)
	if !slices.Contains(s.Only, workPayload) {
		return nil
	}
	dir, err := os.MkdirTemp("", "millrace-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	dev, err := spawn(ctx, s.Command, roleDev, filepath.Join(dir, "data"), s.Sync, strconv.Itoa(s.Shards))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.stop()) }()
	for i, p := range payloads {
		if s.Largest > 0 && p.Bytes > s.Largest {
			break
		}
		s.Progress(workPayload, i, len(payloads))
		if err := s.payload(ctx, dev.said, &p); err != nil {
			return fmt.Errorf("a payload of %d bytes: %w", p.Bytes, err)
		}
		s.report.Payloads = append(s.report.Payloads, p)
	}
	return nil
}

// payload measures one size: the library, the engine and again, and so on, of which the best counts.
func (s *session) payload(ctx context.Context, url string, p *Payload) (err error) {
	w, err := spawn(ctx, s.Command, rolePlainWorker, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	for range rounds {
		raw, err := s.pass(ctx, url, passRaw, p)
		if err != nil {
			return err
		}
		echo, err := s.pass(ctx, url, passEcho, p)
		if err != nil {
			return err
		}
		p.Raw, p.Echo, p.Client = max(p.Raw, raw.Rate), max(p.Echo, echo.Rate), max(p.Client, echo.Peak)
	}
	p.Ratio = p.Echo / p.Raw
	p.Worker, err = peak(w.cmd.Process.Pid)
	return err
}

// passed is what a process says that has moved payloads of one kind.
type passed struct {
	Rate float64 `json:"rate"` // MB/s, of the best
	Peak float64 `json:"peak"` // MB of memory
}

// pass measures in a process of its own.
func (s *session) pass(ctx context.Context, url, kind string, p *Payload) (said passed, err error) {
	c, err := spawn(ctx, s.Command, rolePayload, url, kind, strconv.FormatInt(p.Bytes, 10), strconv.Itoa(p.N))
	if err != nil {
		return said, err
	}
	err = errors.Join(json.Unmarshal([]byte(c.said), &said), c.stop())
	return said, err
}

// peak is the most that a process had in the machine's memory, in megabytes.
func peak(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("the peak of a process's memory is known on Linux only: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("the peak of a process's memory is not in its status")
}

func (r *Report) payloadSheet() *sheet {
	s := &sheet{head: []string{"payload", "n", "raw MB/s", "echo MB/s", "ratio", "required", "worker MB", "client MB", "at most", ""}}
	for _, p := range r.Payloads {
		var least, most string
		if p.Required > 0 {
			least = ">= " + figure(p.Required)
		}
		if p.RequiredMB > 0 {
			most = "<= " + figure(p.RequiredMB)
		}
		s.add(sizeText(p.Bytes), strconv.Itoa(p.N), figure(p.Raw), figure(p.Echo), figure(p.Ratio), least,
			figure(p.Worker), figure(p.Client), most, p.verdict())
	}
	return s
}

func sizeText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
