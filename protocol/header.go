package protocol

// Headers of messages, next to the server's own. Hot fields are here so that a reader of a stream need not decode bodies.
const (
	HeaderRun    = "Mr-Run"    // history: the run
	HeaderStep   = "Mr-Step"   // history: the step
	HeaderNonce  = "Mr-Nonce"  // history: the record's nonce
	HeaderFirst  = "Mr-First"  // history: stream sequence of the run's first record; absent in the first
	HeaderLast   = "Mr-Last"   // history: ID of the record's last event
	HeaderWorker = "Mr-Worker" // history: whose cache holds the run as the record left it, as in [WorkerKey]; absent if nobody's
	HeaderBlobs  = "Mr-Blobs"  // history: the objects that the record refers to, as in [BlobsHeader]; absent if there are none
	HeaderReply  = "Mr-Reply"  // inbox: subject that wants the verdict
	HeaderAfter  = "Mr-After"  // direct inputs: the last sequence of the shard's inbox that the sender knows to be stored
	HeaderOnce   = "Mr-Once"   // direct inputs: the sender made the ID up, so nobody has asked under it before, nor will
	HeaderTaken  = "Mr-Taken"  // answers to direct inputs: "no" says that the input must go through the inbox
	HeaderSent   = "Mr-Sent"   // direct inputs: when it was sent, in milliseconds since 1970
	HeaderTime   = "Mr-Time"   // answers to direct inputs that are old: what time it is for the owner
	HeaderFrom   = "Mr-From"   // dead letters: the subject of the message
	HeaderWhy    = "Mr-Why"    // dead letters: the reason
	HeaderCode   = "Mr-Code"   // dead letters: the code of the reason
	HeaderWas    = "Mr-Was"    // dead letters: the message ID that the message had
	HeaderSize   = "Mr-Size"   // dead letters that did not fit: how many bytes the message had
	HeaderPacked = "Mr-Packed" // dead letters that did not fit: how the body is compressed
	HeaderCut    = "Mr-Cut"    // dead letters that did not fit even so: what was cut
)

// HeaderMsgID is the server's header for deduplication: the request ID of an input, the task ID of a result.
const HeaderMsgID = "Nats-Msg-Id"
