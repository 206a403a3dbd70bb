// Core-etcd measures the core of etcd: go.etcd.io/raft/v3 with its own MemoryStorage.
package main

import (
	"fmt"

	"quorate.test/peers/internal/measure"
)

func main() {
	measure.Core(run)
}

func run(setting measure.Setting, clock *measure.Clock) (int, error) {
	g, err := newGroup(setting.Voters)
	if err != nil {
		return 0, err
	}
	leader, err := g.elect()
	if err != nil {
		return 0, err
	}
	before := leader.applied
	g.messages = 0
	data := make([]byte, setting.Bytes)
	clock.Start()
	done := 0
	for done < setting.Entries {
		if err := leader.propose(data, setting.Batch, setting.Together); err != nil {
			return 0, err
		}
		if err := g.settle(); err != nil {
			return 0, err
		}
		done += setting.Batch
	}
	clock.Stop()
	if applied := leader.applied - before; applied != done {
		return 0, fmt.Errorf("applied %d of %d entries", applied, done)
	}
	return g.messages, nil
}
