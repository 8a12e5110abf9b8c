package access

import (
	"fmt"
	"strings"
)

// Replies of a worker: progress twice a second, then an answer. The server remembers each question for that long.
const (
	responses      = -1
	responseExpiry = "5m"
)

// Conf writes the permissions as a user of nats-server's configuration, with a place for its credentials.
func (p Permissions) Conf() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Connect with the inbox prefix %s\n", p.Inbox)
	fmt.Fprintf(&b, "{\n  user: %q, password: $%s_PASSWORD  # or: nkey: U..., from `nk -gen user -pubout`\n", p.User, variable(p.User))
	b.WriteString("  permissions: {\n")
	confRules(&b, "publish", p.Publish)
	confRules(&b, "subscribe", p.Subscribe)
	if p.Responds {
		b.WriteString("    # answers, to those who asked only\n")
		fmt.Fprintf(&b, "    allow_responses: { max: %d, expires: %q }\n", responses, responseExpiry)
	}
	b.WriteString("  }\n}\n")
	return b.String()
}

func confRules(b *strings.Builder, what string, rules []Rule) {
	fmt.Fprintf(b, "    %s: { allow: [\n", what)
	for _, r := range rules {
		fmt.Fprintf(b, "      # %s\n", r.Why)
		for _, s := range r.Subjects {
			fmt.Fprintf(b, "      %q\n", s)
		}
	}
	b.WriteString("    ] }\n")
}

// variable is the user's name as that of an environment variable.
func variable(user string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(user))
}

// NSC writes the permissions as a call of nsc, which makes a user of an account that operators and accounts sign for.
func (p Permissions) NSC() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Connect with the inbox prefix %s\nnsc add user --name %s", p.Inbox, quote(p.User))
	nscRules(&b, "--allow-pub", p.Publish)
	nscRules(&b, "--allow-sub", p.Subscribe)
	if p.Responds {
		fmt.Fprintf(&b, " \\\n  --allow-pub-response=%d --response-ttl %s", responses, responseExpiry)
	}
	b.WriteString("\n")
	return b.String()
}

func nscRules(b *strings.Builder, flag string, rules []Rule) {
	for _, r := range rules {
		fmt.Fprintf(b, " \\\n  %s %s", flag, quote(strings.Join(r.Subjects, ",")))
	}
}

// quote makes one word of a shell of it.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
