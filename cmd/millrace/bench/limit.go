package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Limit is a figure that is held to a limit of its own: memory, lateness, events per second.
type Limit struct {
	Name string `json:"name"`
	// N is how many of something there were, such as sleeping runs.
	N     int     `json:"n"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Required is the most that is allowed, or the least if AtLeast is set. Zero means that the figure is only shown.
	Required float64 `json:"required,omitempty"`
	AtLeast  bool    `json:"at_least,omitempty"`
}

func (r *Report) limit(l Limit) { r.Limits = append(r.Limits, l) }

// Met reports whether the figure is within its limit.
func (l Limit) Met() bool {
	switch {
	case l.Required == 0:
		return true
	case l.AtLeast:
		return l.Value >= l.Required
	}
	return l.Value <= l.Required
}

// bound is the limit in words.
func (l Limit) bound() string {
	sign := "<="
	if l.AtLeast {
		sign = ">="
	}
	switch {
	case l.Required == 0:
		return ""
	case !l.Met():
		sign = "missed " + sign
	}
	return fmt.Sprintf("%s %s", sign, figure(l.Required))
}

// figure is a number with three digits that count.
func figure(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// printLimits writes the figures that have a limit of their own.
func (r *Report) printLimits(w io.Writer) {
	if len(r.Limits) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\t\nheld to a limit\tn\tfigure\tunit\trequired\t")
	for _, l := range r.Limits {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%s\t\n", l.Name, l.N, figure(l.Value), l.Unit, l.bound())
	}
	_ = t.Flush()
}
