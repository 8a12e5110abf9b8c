package traffic

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace-dev/millrace/protocol"
	"github.com/millrace-dev/millrace/worker/workflow"
)

var greeting = workflow.NewSignal[string]("greeting")

// Kin is what a child does: it waits for a greeting if it is told to, does its job, and sleeps.
type Kin struct {
	Job   Job               `json:"job"`
	Greet bool              `json:"greet,omitzero"`
	Sleep protocol.Duration `json:"sleep,omitzero"`
}

// Child is a child. One whose job is hopeless fails.
func Child(ctx workflow.Context, k Kin) (Done, error) {
	if k.Greet {
		if _, err := workflow.Receive(ctx, greeting); err != nil {
			return Done{}, err
		}
	}
	done, err := workflow.Do(ctx, anyCrew.Work, k.Job, soon)
	if err != nil {
		return done, err
	}
	return done, workflow.Sleep(ctx, time.Duration(k.Sleep))
}

// Family has a child that is greeted, one that fails, one that outlives its parent, and one that ends with it.
func Family(ctx workflow.Context, name string) ([]string, error) {
	begin := func(role string, k Kin, opts ...workflow.ChildOption) workflow.Child[Done] {
		k.Job.Name = role
		return workflow.StartChild(ctx, Child, k, append(opts, workflow.ChildID(fmt.Sprintf("%s-%s", name, role)))...)
	}
	polite := begin("polite", Kin{Greet: true})
	unlucky := begin("unlucky", Kin{Job: Job{Hopeless: true}})
	free := begin("free", Kin{Sleep: protocol.Duration(time.Second)}, workflow.ParentClose(workflow.ParentCloseAbandon))
	bound := begin("bound", Kin{Sleep: protocol.Duration(time.Hour)})
	for _, c := range []workflow.Child[Done]{polite, free, bound} {
		if _, err := c.Started(ctx); err != nil {
			return nil, err
		}
	}
	if err := workflow.SignalExternal(ctx, name+"-polite", greeting, "good morning"); err != nil {
		return nil, err
	}
	done, err := polite.Get(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := unlucky.Get(ctx); err == nil {
		return nil, errors.New("the child that was to fail did not")
	}
	return []string{done.Stamp}, nil
}
