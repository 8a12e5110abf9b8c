// Package workflow is what workflow code is written with.
//
// A workflow is a function of a [Context] and one value that returns a value and an error. It is ordinary code, but it
// survives: when its worker dies, another one runs it again from the beginning against its recorded history, and what was
// done is not done again. So the code must take the same path every time it sees the same events:
//
//   - what talks to the world goes into an activity: [Do] runs one and waits, [Start] does not wait
//   - time is [Now], [Sleep] and [NewTimer], not package time
//   - concurrency is [Go], [Select], [NewChannel] and [NewGroup], not go, select, chan and sync
//   - other workflows are children, with [DoChild] and [StartChild], or are reached by [SignalExternal] and [CancelExternal]
//   - chance is [Rand], and nothing may depend on the order of a map
//
// A workflow whose code no longer takes the recorded path stops where it is, with a report of the difference, and goes on
// when it is run by code that does.
//
//	func Greet(ctx workflow.Context, name string) (string, error) {
//		if err := workflow.Sleep(ctx, time.Hour); err != nil {
//			return "", err
//		}
//		return workflow.Do(ctx, Hello, name)
//	}
//
//	func Hello(_ context.Context, name string) (string, error) { return "Hello " + name, nil }
//
// The result and the error of the function are those of the run. A panic is not: it means that the code is wrong, so the
// run waits, and the step is tried again until the code is mended.
//
// Everything here belongs to one run and its coroutines, which run one at a time: there are no data races between them
// and no locks are needed. Nothing here may be used from a goroutine or from an activity.
package workflow
