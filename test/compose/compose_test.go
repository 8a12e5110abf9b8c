// Package compose checks docker-compose.yml without a Docker engine: that it says what Compose understands, and that what it
// says fits together.
package compose

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"
)

const root = "../.."

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// file is the part of Compose's language that the file uses; anything else is an error.
type file struct {
	Name         string
	Nats         any `yaml:"x-nats"`
	Orchestrator any `yaml:"x-orchestrator"`
	Cluster      any `yaml:"x-cluster"`
	Services     map[string]service
	Volumes      map[string]any
}

type service struct {
	Image string
	Build struct {
		Context, Dockerfile string
	}
	Profiles    []string
	Command     []string
	Restart     string
	StopGrace   string `yaml:"stop_grace_period"`
	Ports       []string
	Volumes     []string
	Healthcheck struct {
		Test              []string
		Interval, Timeout string
		Retries           int
	}
	DependsOn map[string]struct{ Condition string } `yaml:"depends_on"`
}

func (s service) isNATS() bool { return strings.HasPrefix(s.Image, "nats:") }

// in reports whether the service is part of a profile.
func (s service) in(profile string) bool { return slices.Contains(s.Profiles, profile) }

func load(t *testing.T) file {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	var f file
	if err := dec.Decode(&f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	f := load(t)
	for profile, want := range map[string]int{"one": 1, "three": 3} {
		var servers, nodes int
		hosts := make(map[string]string)
		for name, s := range f.Services {
			if !s.in(profile) {
				continue
			}
			if s.isNATS() {
				servers++
			} else {
				nodes++
			}
			for _, p := range s.Ports {
				host, _, _ := strings.Cut(p, ":")
				if other, taken := hosts[host]; taken {
					t.Errorf("profile %s: %s and %s both want port %s", profile, name, other, host)
				}
				hosts[host] = name
			}
		}
		if servers != want || nodes != want {
			t.Errorf("profile %s has %d NATS servers and %d nodes, want %d of each", profile, servers, nodes, want)
		}
		if _, ok := hosts["4222"]; !ok {
			t.Errorf("profile %s cannot be reached at port 4222", profile)
		}
	}
	for name, s := range f.Services {
		if len(s.Profiles) != 1 {
			t.Errorf("%s is in the profiles %v, want exactly one", name, s.Profiles)
		}
	}
}

// TestNATS: every server keeps its data in a volume of its own, answers the health check's port, and knows its cluster.
func TestNATS(t *testing.T) {
	t.Parallel()
	f := load(t)
	volumes := make(map[string]bool)
	for name, s := range f.Services {
		if !s.isNATS() {
			continue
		}
		flags := strings.Join(s.Command, " ")
		if !strings.Contains(flags, "--jetstream --store_dir /data") {
			t.Errorf("%s does not keep its streams in /data: %s", name, flags)
		}
		volume, at, _ := strings.Cut(strings.Join(s.Volumes, ","), ":")
		if _, ok := f.Volumes[volume]; !ok || at != "/data" || volumes[volume] {
			t.Errorf("%s has the volumes %v, want one of its own at /data", name, s.Volumes)
		}
		volumes[volume] = true
		port := regexp.MustCompile(`--http_port (\d+)`).FindStringSubmatch(flags)
		check := strings.Join(s.Healthcheck.Test, " ")
		if len(port) < 2 || !strings.Contains(check, ":"+port[1]+"/healthz") || s.Healthcheck.Retries == 0 {
			t.Errorf("%s: the health check %q does not ask the port of %q", name, check, flags)
		}
		if s.in("three") {
			for _, flag := range []string{"--name " + name + " ", "--cluster_name millrace", "--cluster nats://0.0.0.0:6222"} {
				if !strings.Contains(flags, flag) {
					t.Errorf("%s: %q is missing in %s", name, flag, flags)
				}
			}
			_, routes, _ := strings.Cut(flags, "--routes ")
			checkServers(t, f, name, "three", "6222", routes)
		}
	}
	if len(volumes) != len(f.Volumes) {
		t.Errorf("volumes in use are %v, declared are %v", slices.Sorted(maps.Keys(volumes)), slices.Sorted(maps.Keys(f.Volumes)))
	}
}

// TestNodes: every node is built from the Dockerfile, connects to every server of its profile, and waits until they are well.
func TestNodes(t *testing.T) {
	t.Parallel()
	f := load(t)
	for name, s := range f.Services {
		if s.isNATS() {
			continue
		}
		if _, err := os.Stat(filepath.Join(root, s.Build.Context, s.Build.Dockerfile)); err != nil || s.Build.Dockerfile == "" {
			t.Errorf("%s is built from %q: %v", name, s.Build.Dockerfile, err)
		}
		want := map[string][]string{
			"one":   {"serve", "--server"},
			"three": {"serve", "--replicas", "3", "--server"},
		}[s.Profiles[0]]
		last := len(s.Command) - 1
		if !slices.Equal(s.Command[:max(last, 0)], want) {
			t.Errorf("%s runs millrace %v, want %v and the servers", name, s.Command, want)
			continue
		}
		urls := s.Command[last]
		checkServers(t, f, name, s.Profiles[0], "4222", urls)
		for server, d := range s.DependsOn {
			if d.Condition != "service_healthy" || !strings.Contains(urls, "nats://"+server+":") {
				t.Errorf("%s waits for %s (%s) and connects to %s", name, server, d.Condition, urls)
			}
		}
		if servers := strings.Count(urls, "nats://"); len(s.DependsOn) != servers {
			t.Errorf("%s connects to %d servers and waits for %d", name, servers, len(s.DependsOn))
		}
	}
}

// checkServers compares a list of URLs with the NATS servers of a profile.
func checkServers(t *testing.T, f file, name, profile, port, urls string) {
	t.Helper()
	var want []string
	for server, s := range f.Services {
		if s.isNATS() && s.in(profile) {
			want = append(want, "nats://"+server+":"+port)
		}
	}
	got := strings.Split(urls, ",")
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s knows the servers %v, want %v", name, got, want)
	}
}
