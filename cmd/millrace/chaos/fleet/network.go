package fleet

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// nowhere is what servers tell each other about where they are: nobody listens there. They would go around the links otherwise.
const nowhere = "127.0.0.1:1"

// serverConfig is what the servers of the fleet have in their configuration.
const serverConfig = "cluster { advertise: \"" + nowhere + "\", no_advertise: true }\n"

// endpoint is a server that clients connect to: where it is, and how its URL looks.
type endpoint struct {
	name, address string
	url           url.URL
}

// endpoints reads the URLs of the user's servers.
func endpoints(urls string) ([]endpoint, error) {
	var found []endpoint
	for i, s := range strings.Split(urls, ",") {
		if !strings.Contains(s, "://") {
			s = "nats://" + s
		}
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("the URL of server %d cannot be read", i) // its text may have a password
		}
		if u.Scheme != "nats" {
			return nil, fmt.Errorf("%s: the links of the fleet carry plain connections only", u.Redacted())
		}
		if u.Port() == "" {
			u.Host += ":4222"
		}
		found = append(found, endpoint{name: id("server", i), address: u.Host, url: *u})
	}
	return found, nil
}

// join makes the links from a process to every server and returns the URLs that lead through them.
func (f *Fleet) join(from string) (string, error) {
	var urls []string
	for _, e := range f.endpoints {
		l, err := f.link(from, e.name, e.address)
		if err != nil {
			return "", err
		}
		through := e.url
		through.Host = l.address()
		urls = append(urls, through.String())
	}
	return strings.Join(urls, ","), nil
}

func (f *Fleet) link(from, to, target string) (*Link, error) {
	l, err := newLink(from, to, target)
	if err == nil {
		f.links = append(f.links, l)
	}
	return l, err
}

// Links are those between two processes, whichever of them connects.
func (f *Fleet) Links(a, b string) []*Link {
	return slices.DeleteFunc(slices.Clone(f.links), func(l *Link) bool {
		return (l.From != a || l.To != b) && (l.From != b || l.To != a)
	})
}

// LinksOf are all links of a process.
func (f *Fleet) LinksOf(name string) []*Link {
	return slices.DeleteFunc(slices.Clone(f.links), func(l *Link) bool { return l.From != name && l.To != name })
}

// AllLinks are all links of the fleet.
func (f *Fleet) AllLinks() []*Link { return slices.Clone(f.links) }

// Heal makes every link whole.
func (f *Fleet) Heal() {
	for _, l := range f.links {
		l.Heal()
	}
}
