package docs

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// help is what `millrace VERB --help` says, asked once for each verb.
type help struct {
	program string

	mu    sync.Mutex
	known map[string]string
}

func newHelp(t *testing.T) *help {
	t.Helper()
	h := &help{program: filepath.Join(t.TempDir(), "millrace"), known: map[string]string{}}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", h.program, "../../cmd/millrace").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return h
}

// of returns the help of a verb. One that does not exist fails the test and has no help.
func (h *help) of(t *testing.T, verb string) string {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	text, asked := h.known[verb]
	if asked {
		return text
	}
	out, err := exec.CommandContext(t.Context(), h.program, append(strings.Fields(verb), "--help")...).CombinedOutput()
	text = string(out)
	if err != nil || !strings.HasPrefix(text, "Usage: millrace "+verb) {
		t.Errorf("millrace %s: %v\n%s", verb, err, text)
		text = ""
	}
	h.known[verb] = text
	return text
}

var (
	shell   = regexp.MustCompile("(?s)\n```sh\n(.*?)\n```")
	fenced  = regexp.MustCompile("(?s)\n```.*?\n```")
	inline  = regexp.MustCompile("`([^`]+)`")
	program = regexp.MustCompile(`^(?:\w+=\S+ )*(?:millrace|go run \./cmd/millrace)( .*)?$`)
	tail    = regexp.MustCompile(` (?:[#|>;]|&&|--help).*$`)
)

// commands are the calls of millrace in a document, in its shell blocks and in its sentences, from the verb on.
func commands(text string) []string {
	var lines []string
	for _, b := range shell.FindAllStringSubmatch(text, -1) {
		lines = append(lines, strings.Split(strings.ReplaceAll(b[1], "\\\n", " "), "\n")...)
	}
	for _, c := range inline.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		lines = append(lines, c[1])
	}
	var found []string
	for _, line := range lines {
		line = strings.Join(strings.Fields(line), " ")
		if m := program.FindStringSubmatch(tail.ReplaceAllString(line, "")); m != nil {
			found = append(found, strings.TrimSpace(m[1]))
		}
	}
	return slices.DeleteFunc(found, func(c string) bool { return c == "" || strings.HasPrefix(c, "VERB") })
}

// A reader copies what a document shows: each call of millrace in it names a verb that exists, with flags that the verb has.
func TestCommandsParse(t *testing.T) {
	t.Parallel()
	h, seen := newHelp(t), 0
	for path, text := range pages(t) {
		for _, command := range commands(text) {
			seen++
			verb, rest, _ := strings.Cut(command, " ")
			about := h.of(t, verb)
			if below, _, _ := strings.Cut(rest, " "); strings.HasPrefix(about, "Usage: millrace "+verb+" <command> [flags]") && below != "" {
				verb += " " + below
				about = h.of(t, verb)
			}
			for word := range strings.FieldsSeq(command) {
				name, _, _ := strings.Cut(word, "=")
				if strings.HasPrefix(name, "-") && !regexp.MustCompile(regexp.QuoteMeta(name)+`[=,\s]`).MatchString(about) {
					t.Errorf("%s: millrace %s: %s has no flag %s", path, command, verb, name)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("the documents show %d calls of millrace; the test does not find them", seen)
	}
}
