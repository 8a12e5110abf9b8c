package main

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints a completion script.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script for the verbs and flags of this version.
func (c completionCmd) Run(a *app) error {
	var verbs []string
	flags := map[string][]string{}
	global := flagNames(a.parser.Model.Flags)
	for _, v := range a.parser.Model.Leaves(true) {
		verbs = append(verbs, v.Name)
		flags[v.Name] = append(flagNames(v.Flags), global...)
	}
	_, err := fmt.Fprint(a.out, scripts[c.Shell](verbs, flags))
	return err
}

func flagNames(flags []*kong.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, "--"+f.Name)
	}
	return names
}

var scripts = map[string]func(verbs []string, flags map[string][]string) string{
	"bash": bashScript, "zsh": func(v []string, f map[string][]string) string {
		return "autoload -U +X bashcompinit && bashcompinit\n" + bashScript(v, f)
	}, "fish": fishScript,
}

func bashScript(verbs []string, flags map[string][]string) string {
	var cases strings.Builder
	for _, v := range verbs {
		fmt.Fprintf(&cases, "      %s) words=\"%s\" ;;\n", v, strings.Join(flags[v], " "))
	}
	return fmt.Sprintf(`# Load with: source <(millrace completion bash)
_millrace() {
  local cur=${COMP_WORDS[COMP_CWORD]} verb="" words="%s" w
  for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $w != -* ]] && { verb=$w; break; }; done
  if [[ -n $verb ]]; then
    case $verb in
%s    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _millrace millrace
`, strings.Join(verbs, " "), cases.String())
}

func fishScript(verbs []string, flags map[string][]string) string {
	var b strings.Builder
	b.WriteString("# Load with: millrace completion fish | source\n")
	for _, v := range verbs {
		fmt.Fprintf(&b, "complete -c millrace -n __fish_use_subcommand -f -a %s\n", v)
		for _, f := range flags[v] {
			fmt.Fprintf(&b, "complete -c millrace -n '__fish_seen_subcommand_from %s' -l %s\n", v, strings.TrimPrefix(f, "--"))
		}
	}
	return b.String()
}
