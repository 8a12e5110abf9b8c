package protocol

// CommandTypes lists every command type that this version knows.
func CommandTypes() []CommandType {
	types := make([]CommandType, 0, len(commandTypes))
	for t := range commandTypes {
		types = append(types, t)
	}
	return types
}
