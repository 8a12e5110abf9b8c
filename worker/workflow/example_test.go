package workflow_test

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/replay/replaytest"
	"github.com/millrace-dev/millrace/worker/workflow"
)

// Greet waits an hour and greets.
func Greet(ctx workflow.Context, name string) (string, error) {
	if err := workflow.Sleep(ctx, time.Hour); err != nil {
		return "", err
	}
	return workflow.Do(ctx, Hello, name)
}

func Example() {
	play(Greet, "Ada", nil)
	// Output:
	// activity workflow_test.Hello(Ada)
	// result: "Hello Ada"
}

// Options say what one call needs; without any, an activity is tried for ever.
func ExampleDo() {
	play(func(ctx workflow.Context, name string) (string, error) {
		return workflow.Do(ctx, Charge, name,
			workflow.StartToClose(10*time.Second),
			workflow.Retry(workflow.RetryPolicy{
				InitialInterval:   workflow.Duration(100 * time.Millisecond),
				MaximumAttempts:   5,
				NonRetryableTypes: []string{"NoFunds"},
			}))
	}, "Ada", nil)
	// Output:
	// activity workflow_test.Charge(Ada)
	// result: "receipt for Ada"
}

// The error of an activity keeps the type that the activity gave it.
func ExampleDo_errors() {
	play(func(ctx workflow.Context, name string) (string, error) {
		receipt, err := workflow.Do(ctx, Charge, name)
		if app := (*protocol.ApplicationFailure)(nil); errors.As(err, &app) && app.Type == "NoFunds" {
			return "not charged", nil
		}
		return receipt, err
	}, "Bob", nil)
	// Output:
	// activity workflow_test.Charge(Bob)
	// result: "not charged"
}

// Start lets activities run side by side.
func ExampleStart() {
	play(func(ctx workflow.Context, names []string) (string, error) {
		var greetings []workflow.Future[string]
		for _, name := range names {
			greetings = append(greetings, workflow.Start(ctx, Hello, name))
		}
		var all []string
		for _, g := range greetings {
			s, err := g.Get(ctx)
			if err != nil {
				return "", err
			}
			all = append(all, s)
		}
		return strings.Join(all, ", "), nil
	}, []string{"Ada", "Bob"}, nil)
	// Output:
	// activity workflow_test.Hello(Ada)
	// activity workflow_test.Hello(Bob)
	// result: "Hello Ada, Hello Bob"
}

// An activity that is written in another language is called by its name.
func ExampleNewActivity() {
	translate := workflow.NewActivity[string, string]("translate")
	play(func(ctx workflow.Context, text string) (string, error) {
		return translate.Do(ctx, text, workflow.Queue("python"))
	}, "Welt", nil)
	// Output:
	// activity translate(Welt)
	// result: "Hello Welt"
}

// Approve is a signal: client.Signal(ctx, run, Approve, "Ada") sends it.
var Approve = workflow.NewSignal[string]("approve")

func ExampleReceive() {
	play(func(ctx workflow.Context, _ string) (string, error) {
		who, err := workflow.Receive(ctx, Approve)
		return "approved by " + who, err
	}, "order 7", func(step int, w *replaytest.World) {
		if step == 1 {
			w.Signal("approve", "Ada")
		}
	})
	// Output:
	// result: "approved by Ada"
}

// A decision with a deadline.
func ExampleSelect() {
	play(func(ctx workflow.Context, _ string) (decision string, err error) {
		deadline := workflow.NewTimer(ctx, 24*time.Hour)
		err = workflow.Select(ctx,
			workflow.OnReceive(Approve, func(who string) { decision = "approved by " + who }),
			workflow.OnReady(deadline, func(time.Time, error) { decision = "too late" }),
		)
		return decision, err
	}, "order 7", nil)
	// Output:
	// result: "too late"
}

// TryReceive empties what waits without waiting itself.
func ExampleTryReceive() {
	play(func(ctx workflow.Context, _ string) (names []string, err error) {
		for {
			name, ok := workflow.TryReceive(ctx, Approve)
			if !ok {
				return names, nil
			}
			names = append(names, name)
		}
	}, "", func(_ int, w *replaytest.World) {
		w.Signal("approve", "Ada")
		w.Signal("approve", "Bob")
	})
	// Output:
	// result: ["Ada","Bob"]
}

// A workflow that is cancelled cleans up with a disconnected context and returns the error.
func ExampleDisconnected() {
	play(func(ctx workflow.Context, customer string) (string, error) {
		receipt, err := workflow.Do(ctx, Charge, customer)
		if err != nil {
			return "", err
		}
		if err := workflow.Sleep(ctx, 24*time.Hour); err != nil {
			if _, refundErr := workflow.Do(workflow.Disconnected(ctx), Refund, customer); refundErr != nil {
				return "", refundErr
			}
			return "", err
		}
		return receipt, nil
	}, "Ada", func(step int, w *replaytest.World) {
		if step == 2 {
			w.Cancel()
		}
	})
	// Output:
	// activity workflow_test.Charge(Ada)
	// activity workflow_test.Refund(Ada)
	// canceled
}

func ExampleWithTimeout() {
	play(func(ctx workflow.Context, _ string) (string, error) {
		limited, cancel := workflow.WithTimeout(ctx, time.Minute)
		defer cancel()
		who, err := workflow.Receive(limited, Approve)
		if errors.Is(err, workflow.ErrCanceled) && ctx.Err() == nil {
			return "nobody came", nil
		}
		return who, err
	}, "", nil)
	// Output:
	// result: "nobody came"
}

// The first approval wins; the timer of the other branch is cancelled.
func ExampleWithCancel() {
	play(func(ctx workflow.Context, _ string) (string, error) {
		child, cancel := workflow.WithCancel(ctx)
		reminder := workflow.NewTimer(child, time.Hour)
		who, err := workflow.Receive(ctx, Approve)
		cancel()
		_, reminded := reminder.Get(ctx)
		return fmt.Sprintf("%s, reminder %v", who, reminded), err
	}, "", func(step int, w *replaytest.World) {
		if step == 1 {
			w.Signal("approve", "Ada")
		}
	})
	// Output:
	// result: "Ada, reminder canceled"
}

func ExampleNewGroup() {
	play(func(ctx workflow.Context, customers []string) (int, error) {
		group := workflow.NewGroup(ctx)
		for _, c := range customers {
			group.Go(func(ctx workflow.Context) error {
				_, err := workflow.Do(ctx, Charge, c)
				return err
			})
		}
		return len(customers), group.Wait()
	}, []string{"Ada", "Bob"}, nil)
	// Output:
	// activity workflow_test.Charge(Ada)
	// activity workflow_test.Charge(Bob)
	// failed: activity workflow_test.Charge failed: the card is empty
}

// Await waits for a condition of the workflow's own variables.
func ExampleAwait() {
	play(func(ctx workflow.Context, _ string) (int, error) {
		votes := 0
		workflow.Go(ctx, func(ctx workflow.Context) {
			for {
				if _, err := workflow.Receive(ctx, Approve); err != nil {
					return
				}
				votes++
			}
		})
		err := workflow.Await(ctx, func() bool { return votes >= 2 })
		return votes, err
	}, "", func(_ int, w *replaytest.World) { w.Signal("approve", "somebody") })
	// Output:
	// result: 2
}

// A channel with one value in it is a lock that coroutines take in turn.
func ExampleNewChannel() {
	play(func(ctx workflow.Context, names []string) (done int, err error) {
		free := workflow.NewChannel[struct{}](ctx, 1)
		if err := free.Send(ctx, struct{}{}); err != nil {
			return 0, err
		}
		group := workflow.NewGroup(ctx)
		for _, name := range names {
			group.Go(func(ctx workflow.Context) error {
				if _, err := free.Receive(ctx); err != nil {
					return err
				}
				defer func() { _ = free.Send(ctx, struct{}{}) }()
				_, err := workflow.Do(ctx, Hello, name)
				done++
				return err
			})
		}
		err = group.Wait()
		return done, err
	}, []string{"Ada", "Bob", "Eve"}, nil)
	// Output:
	// activity workflow_test.Hello(Ada)
	// activity workflow_test.Hello(Bob)
	// activity workflow_test.Hello(Eve)
	// result: 3
}

func ExampleNewError() {
	play(func(workflow.Context, string) (string, error) {
		return "", workflow.NewError("OutOfStock", "no more lamps", 7)
	}, "", nil)
	// Output:
	// failed: no more lamps
}

// A run that has seen enough goes on as a new one. What it has not received waits there.
func ExampleContinueAsNew() {
	deposit := workflow.NewSignal[int]("deposit")
	account := func(ctx workflow.Context, balance int) (int, error) {
		for range 2 {
			amount, err := workflow.Receive(ctx, deposit)
			if err != nil {
				return 0, err
			}
			balance += amount
		}
		return 0, workflow.ContinueAsNewNamed(ctx, "bank.Account", balance)
	}
	play(account, 10, func(step int, w *replaytest.World) {
		if step == 0 {
			w.Signal("deposit", 5)
			w.Signal("deposit", 7)
			w.Signal("deposit", 9)
		}
	})
	// Output:
	// continues as bank.Account(22) with [{"signal_name":"deposit","input":{"data":9}}]
}

// A handler reads the workflow's variables.
func ExampleHandleQuery() {
	progress := workflow.NewQuery[struct{}, int]("progress")
	_ = func(ctx workflow.Context, files []string) (int, error) {
		done := 0
		workflow.HandleQuery(ctx, progress, func(struct{}) (int, error) { return done, nil })
		for _, file := range files {
			if _, err := workflow.Do(ctx, Hello, file); err != nil {
				return done, err
			}
			done++
		}
		return done, nil
	}
	fmt.Println(progress.Name())
	// Output: progress
}
