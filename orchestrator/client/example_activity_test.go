package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/orchestrator/client"
	"github.com/millrace-dev/millrace/protocol"
)

// A parcel waits for a carrier that does not come. Whoever operates the system holds it, sends it to another carrier, and lets it go.
func ExampleClient_PauseActivity() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.Start(ctx, c, Parcel, "lamp", client.ID("parcel-7"))
	if err != nil {
		fmt.Println(err)
		return
	}
	const carry = "client_test.Carry" // every pending activity of this type; an ID names one
	if err := c.PauseActivity(ctx, "parcel-7", carry, client.Reason("strike")); err != nil {
		fmt.Println(err)
		return
	}
	d, err := c.Describe(ctx, "parcel-7")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("paused:", d.Activities[0].Paused.Reason)

	changes := client.ActivityChanges().Queue("orders").StartToClose(time.Minute)
	if err := c.UpdateActivity(ctx, "parcel-7", carry, changes); err != nil {
		fmt.Println(err)
		return
	}
	if err := c.UnpauseActivity(ctx, "parcel-7", carry); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// paused: strike
	// carried lamp in attempt 1 <nil>
}

// One durable thing to do needs no workflow around it.
func ExampleDoActivity() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	how := client.ActivityOptions{StartToClose: time.Minute, Retry: protocol.RetryPolicy{MaximumAttempts: 5}}
	fmt.Println(client.DoActivity(ctx, c, Carry, "lamp", how, client.ID("parcel-8"), client.Memo(map[string]any{"to": "Ada"})))

	d, err := c.Describe(ctx, "parcel-8") // like any workflow
	fmt.Println(d.Type, d.Status, err)
	// Output:
	// carried lamp in attempt 1 <nil>
	// client_test.Carry Completed <nil>
}

// An activity hands its token to a person, who answers later and from anywhere.
func ExampleClient_CompleteActivity() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	run, err := client.StartActivity(ctx, c, Ask, "may I?", client.ActivityOptions{StartToClose: time.Hour}, client.ID("question"))
	if err != nil {
		fmt.Println(err)
		return
	}
	token := <-questions // from activity.Token; c.ActivityToken(ctx, "question", "1") makes one too
	canceled, err := c.HeartbeatActivity(ctx, token, "thinking about it")
	fmt.Println("canceled:", canceled, err)
	if err := c.CompleteActivity(ctx, token, "you may"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	fmt.Println("late:", c.FailActivity(ctx, token, errors.New("no")) != nil)
	// Output:
	// canceled: false <nil>
	// you may <nil>
	// late: true
}

// A reset counts the attempts of an activity from 1 again, and tries at once.
func ExampleClient_ResetActivity() {
	c, stop := serve()
	defer stop()
	ctx := context.Background()

	once := client.ActivityOptions{Retry: protocol.RetryPolicy{InitialInterval: protocol.Duration(time.Hour)}}
	run, err := client.StartActivity(ctx, c, Flaky, "lamp", once, client.ID("flaky"))
	if err != nil {
		fmt.Println(err)
		return
	}
	<-failed // the next attempt would come in an hour
	if err := c.ResetActivity(ctx, "flaky", "1", client.Reason("the shop is open again")); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(run.Wait(ctx))
	// Output:
	// lamp in attempt 1 <nil>
}
