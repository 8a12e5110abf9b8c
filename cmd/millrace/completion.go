package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd prints a completion script.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Run prints the script for the verbs and flags of this version.
func (c completionCmd) Run(a *app) error {
	script := scripts[c.Shell](places(a.parser.Model.Node, nil, flagNames(a.parser.Model.Flags)))
	if a.JSON {
		return printJSON(a.out, map[string]string{"shell": c.Shell, "script": script})
	}
	_, err := fmt.Fprint(a.out, script)
	return err
}

// place is where the cursor can be: after some verbs, and what can follow them.
type place struct {
	verbs []string // none: at the beginning
	next  []string // the verbs that can follow; none after a verb that does something
	flags []string
}

// places walks the tree of verbs. The first is the beginning.
func places(n *kong.Node, verbs, global []string) []place {
	here := place{verbs: verbs, flags: global}
	if len(verbs) > 0 {
		here.flags = append(flagNames(n.Flags), global...)
	}
	var below []place
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		here.next = append(here.next, child.Name)
		below = append(below, places(child, append(slices.Clip(verbs), child.Name), global)...)
	}
	return append([]place{here}, below...)
}

func flagNames(flags []*kong.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, "--"+f.Name)
	}
	return names
}

var scripts = map[string]func([]place) string{
	"bash": bashScript, "zsh": func(p []place) string { return "autoload -U +X bashcompinit && bashcompinit\n" + bashScript(p) },
	"fish": fishScript,
}

func bashScript(all []place) string {
	var cases strings.Builder
	var groups []string
	for _, p := range all[1:] {
		words := p.next
		if len(words) > 0 {
			groups = append(groups, strings.Join(p.verbs, " "))
		} else {
			words = p.flags
		}
		fmt.Fprintf(&cases, "      %q) words=%q ;;\n", strings.Join(p.verbs, " "), strings.Join(words, " "))
	}
	return fmt.Sprintf(`# Load with: source <(millrace completion bash)
_millrace() {
  local cur=${COMP_WORDS[COMP_CWORD]} verb="" words=%q groups=%q w
  for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $w == -* ]] && continue
    verb="${verb:+$verb }$w"
    [[ $groups == *" $verb "* ]] || break
  done
  if [[ -n $verb ]]; then
    case $verb in
%s    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _millrace millrace
`, strings.Join(all[0].next, " "), " "+strings.Join(groups, " ")+" ", cases.String())
}

func fishScript(all []place) string {
	var b strings.Builder
	b.WriteString("# Load with: millrace completion fish | source\n")
	for _, p := range all {
		when := "__fish_use_subcommand"
		if len(p.verbs) > 0 {
			when = "string match -q -- 'millrace " + strings.Join(p.verbs, " ") + "*' (string join ' ' (commandline -poc))"
		}
		for _, v := range p.next {
			fmt.Fprintf(&b, "complete -c millrace -n %q -f -a %s\n", when, v)
		}
		if len(p.next) > 0 {
			continue
		}
		for _, f := range p.flags {
			fmt.Fprintf(&b, "complete -c millrace -n %q -l %s\n", when, strings.TrimPrefix(f, "--"))
		}
	}
	return b.String()
}
