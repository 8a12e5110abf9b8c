package protocol

// CommandTypes lists every command type that this version knows.
func CommandTypes() []CommandType {
	types := make([]CommandType, 0, len(commandDecoders))
	for t := range commandDecoders {
		types = append(types, t)
	}
	return types
}
