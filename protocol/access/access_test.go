package access_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/protocol/access"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files")

// The files in testdata are the permissions as an operator reads them: a change there is a change of what a role may do.
func TestPermissions(t *testing.T) {
	t.Parallel()
	for name, u := range map[string]access.User{
		"client":       {Role: access.Client, Shards: 2},
		"completer":    {Role: access.Client, Shards: 1, Name: "completer", Completes: true},
		"worker":       {Role: access.Worker, Queue: "orders"},
		"sessions":     {Role: access.Worker, Queue: "order desk", IDs: []string{"w1"}, Versions: []string{"v1"}, Namespace: "shop"},
		"orchestrator": {Role: access.Orchestrator, Shards: 1},
		"observer":     {Role: access.Observer, Shards: 1},
		"keeper":       {Role: access.Keeper, Shards: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := access.Of(u)
			if err != nil {
				t.Fatal(err)
			}
			for file, got := range map[string]string{name + ".conf": p.Conf(), name + ".nsc": p.NSC()} {
				path := filepath.Join("testdata", file)
				if *rewrite {
					if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				if want, err := os.ReadFile(path); err != nil || got != string(want) {
					t.Errorf("%s is not what is printed (-rewrite writes it), %v", path, err)
				}
			}
		})
	}
}

func TestUsersThatCannotBe(t *testing.T) {
	t.Parallel()
	for what, u := range map[string]access.User{
		"no role":        {Role: "king"},
		"no queue":       {Role: access.Worker},
		"a versioned":    {Role: access.Worker, Queue: "q@v"},
		"namespace":      {Role: access.Client, Namespace: "a.b"},
		"wild namespace": {Role: access.Client, Namespace: "*"},
		"shards":         {Role: access.Client, Shards: -1},
	} {
		if _, err := access.Of(u); protocol.AsError(err) == nil || protocol.AsError(err).Code != protocol.CodeBadRequest {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// Whatever a queue or a user is called, it widens nothing.
func TestNamesAreNoWildcards(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"*", ">", "a.>", "a b", "*.*", "$JS.API.>"} {
		plain, err := access.Of(access.User{Role: access.Worker, Queue: "q", Name: "n", Versions: []string{"v"}, IDs: []string{"i"}})
		if err != nil {
			t.Fatal(err)
		}
		odd, err := access.Of(access.User{Role: access.Worker, Queue: name, Name: name, Versions: []string{name}, IDs: []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := shape(odd), shape(plain); !slices.Equal(got, want) {
			t.Errorf("%q: wildcards are in %v, should be in %v", name, got, want)
		}
	}
}

// shape is how many tokens and wildcards each subject has.
func shape(p access.Permissions) (all []string) {
	for _, r := range slices.Concat(p.Publish, p.Subscribe) {
		for _, s := range r.Subjects {
			tokens := strings.Split(s, ".")
			for i, t := range tokens {
				if t != "*" && t != ">" {
					tokens[i] = "x"
				}
			}
			all = append(all, strings.Join(tokens, "."))
		}
	}
	return all
}
