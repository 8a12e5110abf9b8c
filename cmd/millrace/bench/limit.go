package bench

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
	switch {
	case l.Required == 0:
		return ""
	case l.AtLeast:
		return ">= " + figure(l.Required)
	}
	return "<= " + figure(l.Required)
}

func (l Limit) verdict() string {
	switch {
	case l.Required == 0:
		return ""
	case l.Met():
		return met
	}
	return missed
}

// Verdicts.
const (
	met    = "met"
	missed = "missed"
)
