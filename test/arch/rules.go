package arch

import "strings"

// all is every package of the module.
var all = []string{".", "./..."}

// words are what the vocabulary links.
var words = []string{"github.com/google/uuid", jsonv2}

// core are the packages that must be functions of their arguments.
var core = []string{"./orchestrator/machine", "./orchestrator/collect", "./orchestrator/schedule", "./worker/replay"}

// effects are imports that let the outside world in.
var effects = []string{
	"context", "sync/...", "log/...", "os/...", "io/fs", "net/...", "syscall", "testing/...", "math/rand/...", "crypto/rand",
	"github.com/google/uuid", "github.com/nats-io/...", "github.com/synadia-io/...", "go.opentelemetry.io/...",
}

// clock are the names of package time that read it or wait for it.
var clock = []string{
	"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "Timer", "Ticker",
}

const (
	nats     = "github.com/nats-io/nats.go/..."
	natsjs   = "github.com/nats-io/nats.go/jetstream/..."
	natsd    = "github.com/nats-io/nats-server/..."
	orbit    = "github.com/synadia-io/orbit.go/..."
	adapter  = "./jetstream/..."
	embedded = "./jetstream/embedded/..."

	jsonv2 = "github.com/go-json-experiment/json/..."

	codecs      = "./protocol/codec/..."
	propagation = "./protocol/propagation"
	roles       = "./protocol/access"
)

// Rules is the architecture. It names packages that do not exist yet: a rule must be there before its package.
var Rules = []*Rule{
	// The vocabulary.
	{
		In: []string{"./protocol/..."}, But: []string{codecs, "./protocol/protobuf", propagation, roles},
		Allow: append([]string{"std"}, words...), check: imports,
		Why: "everything depends on the vocabulary, so it depends on nothing but the JSON of the next Go",
	},
	{
		In: []string{codecs, "./protocol/protobuf", propagation}, But: []string{"./protocol/codec/zstd", "./protocol/protobuf"},
		Allow: []string{"std", "./protocol", "./protocol/codec"}, check: imports,
		Why: "workers and clients link the chain of codecs always: only a leaf that a program chooses brings a library",
	},
	{
		In:    []string{"./protocol/codec/zstd"},
		Allow: []string{"std", "./protocol", "./protocol/codec", "github.com/klauspost/compress/zstd"},
		check: imports, Why: "a codec brings its own library and no other",
	},
	{
		In: []string{roles}, Allow: []string{"std", "./protocol"}, check: imports,
		Why: "who may do what is a list of subjects, and those are made in the vocabulary",
	},
	{
		In: []string{"./protocol/protobuf"}, Allow: []string{"std", "./protocol", "google.golang.org/protobuf/..."},
		check: imports, Why: "who passes protobuf messages links protobuf anyway; nobody else does",
	},
	{
		In: all, But: []string{codecs, "./worker/...", "./orchestrator/client/...", "./cmd/...", "./test/..."},
		Deny: []string{codecs}, check: imports,
		Why: "payloads are encoded and decoded at the edges; orchestrators and streams never see plain ones",
	},
	{
		In: []string{"./protocol/..."}, But: []string{propagation},
		Deny: []string{"context", "log/...", "net/...", "os/..."}, check: imports,
		Why: "the vocabulary is values; whoever needs a context, a logger or the network does something with them",
	},

	// The pure packages.
	{
		In: core, Deny: effects, check: imports,
		Why: "the core is a function of its arguments: that is what makes every crash testable in microseconds",
	},
	{
		In: core, check: pure,
		Why: "time is an argument and concurrency is the caller's: a replay must do the same thing every time",
	},
	{
		In: core, Allow: []string{"std", "./protocol/..."}, check: imports,
		Why: "the core knows the vocabulary only: it must not matter who drives it",
	},

	// The worker's side.
	{
		In:   []string{"./worker/workflow/...", "./worker/activity/..."},
		Deny: []string{adapter, "./orchestrator/...", nats, orbit}, check: imports,
		Why: "authors write against these: their code must not feel where it runs",
	},
	{
		In: []string{"./worker/..."}, Deny: []string{"./orchestrator/...", natsd}, check: imports,
		Why: "a worker meets orchestrators on subjects only, and its binary stays small without a server",
	},
	{
		In: []string{"./worker"}, Only: "connect.go", Deny: []string{adapter}, check: imports,
		Why: "a worker declares what it needs; connect.go alone knows that JetStream provides it",
	},

	// The orchestrator's side.
	{
		In: []string{"./orchestrator/..."}, But: []string{"./orchestrator/client/..."}, Deny: []string{"./worker/..."}, check: imports,
		Why: "an orchestrator never runs user code: it sees commands and payloads",
	},
	{
		In: []string{"./orchestrator"}, Only: "start.go", Deny: []string{nats, orbit, adapter}, check: imports,
		Why: "a node declares what it needs; start.go alone knows that NATS provides it",
	},
	{
		In:   []string{"./orchestrator/client/..."},
		Deny: []string{"./orchestrator/machine/...", "./orchestrator", "./worker", natsd}, check: imports,
		Why: "a service that starts workflows must not carry an engine",
	},
	{
		In: []string{"./orchestrator/ui/..."}, Allow: []string{"std", "./orchestrator/client/...", "./protocol/..."}, check: imports,
		Why: "the UI shows what any client can see",
	},

	// The adapter.
	{
		In: []string{adapter}, Deny: []string{"./orchestrator/...", "./worker/..."}, check: imports,
		Why: "the adapter satisfies their interfaces by its methods, without knowing of them",
	},
	{
		In: []string{embedded}, Deny: []string{"./protocol/..."}, check: imports,
		Why: "an embedded server is a NATS server and knows nothing of workflows",
	},
	{
		In: all, But: []string{embedded}, Deny: []string{natsd}, check: imports,
		Why: "nats-server adds 10 MB to a binary: one leaf package pays for it, and only its users with it",
	},
	{
		In: all, But: []string{adapter, "./cmd/...", "./test/..."}, Deny: []string{natsjs, orbit}, check: imports,
		Why: "streams and buckets are used through one adapter, where their pitfalls are known",
	},

	// The tree.
	{
		// test/cluster holds a command to its promises.
		In: all, But: []string{"./cmd/...", "./test/cluster"}, Deny: []string{"./cmd/..."}, check: imports,
		Why: "commands are thin: what others need of one belongs into a package",
	},
	{
		In: all, But: []string{"./test/..."}, Deny: []string{"./test/..."}, check: imports,
		Why: "test helpers in production code end up in users' binaries",
	},
	{
		In: []string{"."}, check: anyFile,
		Why: "the root is for papers; a facade can be added later but never removed",
	},
	{
		In: all, check: undocumented,
		Why: "a package that cannot say what it is for has no reason to be",
	},
}

// Link is what a package may bring into the binary that imports it.
type Link struct {
	Package string   // imported by a binary that imports nothing else
	Allow   []string // modules and packages from outside this module, besides the standard library
	Why     string
}

// small is what a program that only talks to NATS links.
var small = []string{
	nats, orbit, "github.com/nats-io/nkeys/...", "github.com/nats-io/nuid", "github.com/google/uuid",
	"github.com/klauspost/compress/...", "go.opentelemetry.io/otel/...", "golang.org/x/...", jsonv2,
}

// Links are the dependency budgets of the libraries.
var Links = []Link{
	{"./protocol", words, "the vocabulary costs nothing"},
	{"./protocol/codec", words, "the chain is in every worker and every client"},
	{"./protocol/codec/aesgcm", words, "the standard library encrypts"},
	{"./protocol/codec/zstd", append([]string{"github.com/klauspost/compress/..."}, words...), "a codec brings its own library"},
	{"./protocol/protobuf", append([]string{"google.golang.org/protobuf/..."}, words...), "messages need their library"},
	{"./protocol/propagation", nil, "who traces brings the library"},
	{"./worker", small, "a worker's binary is 6 MB, with nats-server linked it would be 17 MB"},
	{"./worker/workflow", words, "workflow code is plain Go and links nothing but the vocabulary"},
	{"./worker/activity", words, "activity code is plain Go and links nothing but the vocabulary"},
	{"./orchestrator/client", small, "a service that starts workflows links a NATS client and nothing more"},
	{"./jetstream", small, "the adapter is in every worker and every client"},
}

// Allows reports whether the package may be linked.
func (l Link) Allows(dep string) bool {
	return strings.HasPrefix(relative(dep), "./") || matchesAny(l.Allow, dep)
}
