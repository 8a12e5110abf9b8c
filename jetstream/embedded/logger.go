package embedded

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
)

// logger passes on what the server reports, as far as an operator should know of it.
type logger struct {
	to    *slog.Logger
	quiet atomic.Bool // the server has stopped
}

// frozen is what a stream says that could not write. From then on it takes nothing, also when there is room again, until the server is
// started anew.
var frozen = []string{"write error", "failed to store a msg", "will be DISABLED", "disabling JetStream"}

// Errorf logs an error, with what to do about those that do not pass by themselves.
func (l *logger) Errorf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	stuck := slices.ContainsFunc(frozen, func(f string) bool { return strings.Contains(text, f) })
	switch {
	case l.quiet.Load():
	case stuck:
		l.to.Error("ALARM: NATS cannot write, and takes nothing more of what it could not write", "nats", text,
			"do", "make room on the disk, or mend it, then start this process again; nothing that was acknowledged is lost")
	default:
		l.to.Error("NATS reports an error", "nats", text)
	}
}

// Warnf logs a warning.
func (l *logger) Warnf(format string, args ...any) {
	if !l.quiet.Load() {
		l.to.Warn("NATS warns", "nats", fmt.Sprintf(format, args...))
	}
}

// Fatalf logs what the server cannot live with.
func (l *logger) Fatalf(format string, args ...any) { l.Errorf(format, args...) }

// Noticef is for those who run a server of their own.
func (*logger) Noticef(string, ...any) {}

// Debugf is for those who develop one.
func (*logger) Debugf(string, ...any) {}

// Tracef is as well.
func (*logger) Tracef(string, ...any) {}
