package protocol

// History is a run as it was recorded, in a form that stands alone: payloads that workflow code reads are in it, wherever they lay. Codecs
// are not undone.
type History struct {
	Workflow string  `json:"workflow_id"`
	Run      string  `json:"run_id"`
	Type     string  `json:"workflow_type"`
	Queue    string  `json:"queue"`
	Events   []Event `json:"events"`
}
