package sim

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Format writes a scenario down, as the file that repeats it:
//
//	# input 5 of w0 was released before an effect
//	seed 1129
//	plant an input is released before its effects
//	spare 1 2 7
//
// What follows "-- trace --" is for the reader.
func (sc Scenario) Format(why error, trace string) []byte {
	var b bytes.Buffer
	if why != nil {
		text := strings.ReplaceAll(why.Error(), "\n", " ")
		fmt.Fprintf(&b, "# %s\n", text[:min(len(text), 300)])
	}
	fmt.Fprintf(&b, "seed %d\n", sc.Seed)
	if sc.Plant != "" {
		fmt.Fprintf(&b, "plant %s\n", sc.Plant)
	}
	if len(sc.Spare) > 0 {
		b.WriteString("spare")
		for _, n := range slices.Sorted(maps.Keys(sc.Spare)) {
			fmt.Fprintf(&b, " %d", n)
		}
		b.WriteString("\n")
	}
	if trace != "" {
		fmt.Fprintf(&b, "-- trace --\n%s", trace)
	}
	return b.Bytes()
}

// ParseScenario reads what [Scenario.Format] has written.
func ParseScenario(data []byte) (sc Scenario, err error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "", "#":
		case "--":
			return sc, nil
		case "seed":
			if sc.Seed, err = strconv.ParseUint(rest, 10, 64); err != nil {
				return sc, fmt.Errorf("the seed: %w", err)
			}
		case "plant":
			sc.Plant = Plant(rest)
		case "spare":
			sc.Spare = map[int]bool{}
			for text := range strings.FieldsSeq(rest) {
				n, err := strconv.Atoi(text)
				if err != nil {
					return sc, fmt.Errorf("the faults to spare: %w", err)
				}
				sc.Spare[n] = true
			}
		default:
			return sc, fmt.Errorf("%q is no line of a scenario", lines.Text())
		}
	}
	return sc, lines.Err()
}

// Shrink leaves out faults, one after the other from the last, for as long as the scenario fails. play plays a scenario.
func Shrink(sc Scenario, play func(Scenario) Outcome) Scenario {
	for n := play(sc).Faults; n > 0; n-- {
		fewer := sc
		fewer.Spare = maps.Clone(sc.Spare)
		if fewer.Spare == nil {
			fewer.Spare = map[int]bool{}
		}
		fewer.Spare[n] = true
		if play(fewer).Err != nil {
			sc = fewer
		}
	}
	return sc
}
