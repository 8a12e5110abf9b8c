package protocol

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"unicode/utf8"
)

// DefaultNamespace is the namespace that everything uses unless told otherwise.
const DefaultNamespace = Namespace("default")

// MaxIDLength is the most bytes of a workflow ID or a queue name.
const MaxIDLength = 1000

// Namespace names a set of streams, buckets and subjects. Every subject of Millrace is made here and nowhere else.
type Namespace string

// Validate reports whether the name can be part of stream names and subjects.
func (n Namespace) Validate() error {
	if n == "" || len(n) > 64 {
		return Errorf(CodeBadRequest, "a namespace's name has 1 to 64 characters").WithHint("choose one such as %q", DefaultNamespace)
	}
	if !allPlain(string(n)) {
		return Errorf(CodeBadRequest, "the namespace %q may hold only letters, digits, - and _", string(n)).
			WithHint("choose one such as %q", DefaultNamespace)
	}
	return nil
}

func (n Namespace) asset(name string) string { return "MR_" + string(n) + "_" + name }

// Pattern joins tokens, which may be wildcards, to a subject of the namespace, for permissions.
func (n Namespace) Pattern(tokens ...string) string { return n.subject(tokens...) }

func (n Namespace) subject(tokens ...string) string {
	size := len("mr.") + len(n)
	for _, t := range tokens {
		size += 1 + len(t)
	}
	var b strings.Builder
	b.Grow(size)
	b.WriteString("mr.")
	b.WriteString(string(n))
	for _, t := range tokens {
		b.WriteByte('.')
		b.WriteString(t)
	}
	return b.String()
}

// Streams and buckets.

// InboxStream is the stream of what the world tells the workflows of a shard.
func (n Namespace) InboxStream(shard int) string { return n.asset("INBOX_" + strconv.Itoa(shard)) }

// HistoryStream is the stream of what happened to the workflows of a shard.
func (n Namespace) HistoryStream(shard int) string { return n.asset("HISTORY_" + strconv.Itoa(shard)) }

// TimersStream is the stream of a shard's wake-ups.
func (n Namespace) TimersStream(shard int) string { return n.asset("TIMERS_" + strconv.Itoa(shard)) }

// TasksStream is the work queue of what workers must do.
func (n Namespace) TasksStream() string { return n.asset("TASKS") }

// DeadStream keeps what could not be decoded or applied.
func (n Namespace) DeadStream() string { return n.asset("DEAD") }

// Bucket is the name of a KV bucket: runs, leases, nodes, workers, heartbeats or config.
func (n Namespace) Bucket(name string) string { return n.asset(name) }

// BlobStore is the name of the object store of large payloads.
func (n Namespace) BlobStore() string { return n.asset("blobs") }

// Inbox subjects.

// Input is the inbox subject of an input to a workflow.
func (n Namespace) Input(shard int, kind InputKind, workflow string) string {
	return n.subject("in", strconv.Itoa(shard), string(kind), Token(workflow))
}

// Inputs matches every input of a shard.
func (n Namespace) Inputs(shard int) string { return n.subject("in", strconv.Itoa(shard), ">") }

// SkippedInput is the subject of messages that use up sequences of a shard's inbox which must not be given out again. It is that of no
// input, and nobody reads them.
func (n Namespace) SkippedInput(shard int) string {
	return n.subject("in", strconv.Itoa(shard), "skipped", Token(""))
}

// Direct is the subject on which the owner of a shard takes an input without an inbox between: a core request, answered with a
// [Verdict] once the input is part of history.
func (n Namespace) Direct(shard int, kind InputKind, workflow string) string {
	return n.subject("direct", strconv.Itoa(shard), string(kind), Token(workflow))
}

// Directs matches every direct input of a shard.
func (n Namespace) Directs(shard int) string { return n.subject("direct", strconv.Itoa(shard), ">") }

// ParseInput takes the subject of an input apart, whether it came through an inbox or directly.
func (n Namespace) ParseInput(subject string) (kind InputKind, workflow string, err error) {
	parts := strings.Split(subject, ".")
	if len(parts) != 6 || parts[0] != "mr" || parts[1] != string(n) || parts[2] != "in" && parts[2] != "direct" {
		return "", "", Errorf(CodeBadRequest, "%.200q is not the subject of an input", subject)
	}
	workflow, err = ParseToken(parts[5])
	return InputKind(parts[4]), workflow, err
}

// History subjects.

// History is the subject of every record of a workflow ID. Each append is a compare-and-set on exactly this subject.
func (n Namespace) History(shard int, workflow string) string {
	return n.subject("hist", strconv.Itoa(shard), Token(workflow))
}

// ParseHistory returns the workflow whose record lies on a subject.
func (n Namespace) ParseHistory(subject string) (workflow string, err error) {
	rest, ok := strings.CutPrefix(subject, n.subject("hist", ""))
	shard, token, found := strings.Cut(rest, ".")
	if !ok || !found || shard == "" {
		return "", Errorf(CodeBadRequest, "%.200q is not the subject of a record", subject)
	}
	return ParseToken(token)
}

// Histories matches every record of a shard.
func (n Namespace) Histories(shard int) string { return n.subject("hist", strconv.Itoa(shard), "*") }

// Timer subjects.

// Wakeup is the subject of a workflow's one wake-up, and the subject on which it fires.
func (n Namespace) Wakeup(shard int, workflow string) (set, fired string) {
	s, w := strconv.Itoa(shard), Token(workflow)
	return n.subject("timer", s, "set", w), n.subject("timer", s, "fired", w)
}

// RetryWakeup is the subject of a waiting retry of an activity, and the subject on which it fires.
func (n Namespace) RetryWakeup(shard int, workflow, run string, scheduled int64) (set, fired string) {
	s, w, id := strconv.Itoa(shard), Token(workflow), Token(run)+"-"+strconv.FormatInt(scheduled, 10)
	return n.subject("timer", s, "set", w, id), n.subject("timer", s, "fired", w, id)
}

// Timers matches every subject of a shard's timers stream.
func (n Namespace) Timers(shard int) string { return n.subject("timer", strconv.Itoa(shard), ">") }

// FiredTimers matches every wake-up of a shard that has fired. A purge of the timers stream must name it: a purge by
// sequence alone would take the pending wake-ups along.
func (n Namespace) FiredTimers(shard int) string {
	return n.subject("timer", strconv.Itoa(shard), "fired", ">")
}

// ParseFired returns the workflow that a fired wake-up is for.
func (n Namespace) ParseFired(subject string) (workflow string, err error) {
	rest, ok := strings.CutPrefix(subject, n.subject("timer", ""))
	parts := strings.Split(rest, ".")
	if !ok || len(parts) < 3 || parts[1] != "fired" {
		return "", Errorf(CodeBadRequest, "%.200q is not the subject of a fired timer", subject)
	}
	return ParseToken(parts[2])
}

// Task subjects.

// TaskKind tells activity tasks from workflow tasks in the task stream.
type TaskKind string

// Kinds of tasks.
const (
	TaskActivity TaskKind = "activity"
	TaskWorkflow TaskKind = "workflow"
)

// WorkflowTask is the subject of a call for a worker in the task stream. The stream holds at most one message per subject, so a task
// that is dispatched again while it waits or runs is refused by the server.
func (n Namespace) WorkflowTask(queue, run string, scheduled int64) string {
	return n.subject("task", string(TaskWorkflow), Token(queue), Token(run), strconv.FormatInt(scheduled, 10))
}

// ActivityTask is the subject of the given attempt of an activity in the task stream.
func (n Namespace) ActivityTask(queue, run string, scheduled int64, number int) string {
	return n.subject("task", string(TaskActivity), Token(queue), Token(run), strconv.FormatInt(scheduled, 10), strconv.Itoa(number))
}

// ActivityTasks matches every attempt of an activity on a queue, or of every activity of the run when scheduled is zero.
func (n Namespace) ActivityTasks(queue, run string, scheduled int64) string {
	which := "*"
	if scheduled != 0 {
		which = strconv.FormatInt(scheduled, 10)
	}
	return n.subject("task", string(TaskActivity), Token(queue), Token(run), which, "*")
}

// RunActivities matches every attempt of a run's activities on every queue.
func (n Namespace) RunActivities(run string) string {
	return n.subject("task", string(TaskActivity), "*", Token(run), "*", "*")
}

// TasksAnchor is the subject of a message that never goes; see package jetstream.
func (n Namespace) TasksAnchor() string { return n.subject("task", "keep", Token(""), "keep") }

// QueueTasks matches every task of one kind on a queue; it is the filter of the queue's consumer.
func (n Namespace) QueueTasks(kind TaskKind, queue string) string {
	return n.subject("task", string(kind), Token(queue), ">")
}

// Tasks matches every task.
func (n Namespace) Tasks() string { return n.subject("task", ">") }

// TaskConsumer is the name of the durable consumer of a queue's tasks of one kind.
func (n Namespace) TaskConsumer(kind TaskKind, queue string) string {
	token := Token(queue)
	if len(token) > 100 { // consumer names are limited to 255 bytes
		token = token[:100] + "-" + Digest([]byte(queue))
	}
	return string(kind) + "-" + token
}

// TaskID identifies an activity attempt: run, scheduling event and attempt.
func TaskID(run string, scheduled int64, attempt int) string {
	return fmt.Sprintf("%s-%d-%d", Token(run), scheduled, attempt)
}

// Core subjects, not stored.

// WorkflowTasks is the subject on which any worker of a queue takes a workflow task, as a queue group of [WorkerGroup].
func (n Namespace) WorkflowTasks(queue string) string { return n.subject("wft", Token(queue)) }

// WorkerTasks is the subject on which one worker takes the workflow tasks of the runs in its cache.
func (n Namespace) WorkerTasks(queue, worker string) string {
	return n.subject("wft", Token(queue), Token(worker))
}

// HandOvers is the subject on which one worker is given activities without the queue; see [HandOver].
func (n Namespace) HandOvers(queue, worker string) string {
	return n.subject("hand", Token(queue), Token(worker))
}

// Queries is the subject on which a worker, named by its [WorkerKey], answers queries of the runs in its cache.
func (n Namespace) Queries(workerKey string) string { return n.subject("query", workerKey) }

// WorkerGroup is the queue group of the workers of a queue.
const WorkerGroup = "workers"

// Cancels is the subject on which the workers of a queue hear which activities should stop.
func (n Namespace) Cancels(queue string) string { return n.subject("cancel", Token(queue)) }

// Closed is the subject on which the end of a run is announced, with its [Outcome].
func (n Namespace) Closed(run string) string {
	return n.subject("closed", Token(RunFamily(run)), Token(run))
}

// AllClosed is Closed for every run of a [RunFamily].
func (n Namespace) AllClosed(family string) string { return n.subject("closed", Token(family), "*") }

// Updated is the subject on which it is announced how far an update has come, with a [Verdict]. It names the workflow, and not
// the run, so that one can listen before it is known which run takes the update.
func (n Namespace) Updated(workflow, update string) string {
	return n.subject("updated", Token(workflow), Token(update))
}

// API is the subject of an endpoint of the control API.
func (n Namespace) API(endpoint string) string { return n.subject("api", endpoint) }

// HistoryOf is the endpoint at which the workers of a queue read the histories of its runs, and of no others: the queue is a part of the
// subject, so that permissions can name it.
func HistoryOf(queue string) string { return EndpointHistory + "." + Token(queue) }

// ParseHistoryOf returns the queue that a request for a history names by its subject.
func (n Namespace) ParseHistoryOf(subject string) (queue string, err error) {
	token, ok := strings.CutPrefix(subject, n.API(EndpointHistory+"."))
	if !ok {
		return "", Errorf(CodeBadRequest, "%q is not the subject of a request for a history", subject)
	}
	return ParseToken(token)
}

// NodePing is the subject on which an orchestrator node answers for as long as it lives.
func (n Namespace) NodePing(node string) string { return n.subject("node", Token(node)) }

// NodeNews is the subject on which nodes say that they joined, left or gave up a shard.
func (n Namespace) NodeNews() string { return n.subject("nodes") }

// Dead is the subject of what could not be decoded or applied, by the asset that it came from.
func (n Namespace) Dead(from string) string { return n.subject("dead", from) }

// DeadLetters matches everything that could not be decoded or applied.
func (n Namespace) DeadLetters() string { return n.subject("dead", ">") }

// RowKey is the key of a run in the runs bucket.
func RowKey(workflow, run string) string { return Token(workflow) + "." + Token(run) }

// QueueConfigKey is the key of a queue's [QueueConfig] in the config bucket.
func QueueConfigKey(queue string) string { return "queue." + Token(queue) }

// VersionQueue names the workers of a queue that run one version of the code. They serve it beside the queue itself.
func VersionQueue(queue, version string) string { return queue + "@" + version }

// LeaseKey is the key of a shard in the leases bucket.
func LeaseKey(shard int) string { return "shard." + strconv.Itoa(shard) }

// ProgressKey is the key of a shard's [Progress] in the leases bucket.
func ProgressKey(shard int) string { return "progress." + strconv.Itoa(shard) }

// WorkerKey is the key of a worker in the workers bucket.
func WorkerKey(queue, worker string) string { return Token(queue) + "." + Token(worker) }

// HeartbeatKey is the key of an activity in the heartbeats bucket.
func HeartbeatKey(run string, scheduled int64) string {
	return Token(run) + "." + strconv.FormatInt(scheduled, 10)
}

// Shard is the shard that a workflow ID belongs to: FNV-1a of its escaped form modulo the number of shards, which is what
// the server's partition() subject mapping computes as well.
func Shard(workflow string, shards int) int {
	h := fnv.New32a()
	h.Write([]byte(Token(workflow)))
	return int(h.Sum32() % uint32(shards)) //nolint:gosec // shards is positive and small
}

// Token writes free text as one subject token that is also legal in KV keys and consumer names. Letters, digits, - and _
// stay; every other byte becomes =XX. The empty text becomes "=".
func Token(s string) string {
	if s == "" {
		return "="
	}
	if allPlain(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}

// ParseToken undoes [Token]. A token that Token does not write is an error, so that each text has exactly one subject.
func ParseToken(token string) (string, error) {
	if token != "" && allPlain(token) {
		return token, nil
	}
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		if token[i] != '=' {
			b.WriteByte(token[i])
			continue
		}
		if token == "=" {
			return "", nil
		}
		if i+2 >= len(token) {
			return "", Errorf(CodeBadRequest, "%.200q is not an escaped name", token)
		}
		v, err := strconv.ParseUint(token[i+1:i+3], 16, 8)
		if err != nil {
			return "", Errorf(CodeBadRequest, "%.200q is not an escaped name", token)
		}
		b.WriteByte(byte(v))
		i += 2
	}
	if s := b.String(); Token(s) == token {
		return s, nil
	}
	return "", Errorf(CodeBadRequest, "%.200q is not an escaped name", token).
		WithHint("letters, digits, - and _ stay, every other byte is =XX in upper-case hex")
}

func allPlain(s string) bool {
	for i := range len(s) {
		if !plain(s[i]) {
			return false
		}
	}
	return true
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// ValidateQueue reports whether s can be the name of a task queue.
func ValidateQueue(s string) error {
	if strings.Contains(s, "@") {
		return Errorf(CodeBadRequest, "the queue %q holds an @, which tells the versions of a queue apart", s).
			WithHint("use another character")
	}
	return ValidateID("queue", s)
}

// ValidateID reports whether s can be a workflow ID or a queue name; what names it in the error.
func ValidateID(what, s string) error {
	switch {
	case s == "":
		return Errorf(CodeBadRequest, "the %s is empty", what).WithHint("give it a name")
	case len(s) > MaxIDLength:
		return Errorf(CodeBadRequest, "the %s has %d bytes, %d are allowed", what, len(s), MaxIDLength).WithHint("use a shorter one")
	case !utf8.ValidString(s):
		return Errorf(CodeBadRequest, "the %s is not valid UTF-8", what).WithHint("encode it first, for example in hex")
	}
	return nil
}
