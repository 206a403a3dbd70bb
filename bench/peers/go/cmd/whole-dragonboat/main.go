// Command whole-dragonboat is one node of dragonboat with one shard, measured as a whole system.
package main

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/lni/dragonboat/v4"
	"github.com/lni/dragonboat/v4/config"
	"github.com/lni/dragonboat/v4/logger"
	"github.com/lni/dragonboat/v4/plugin/tan"
	"github.com/lni/dragonboat/v4/statemachine"

	"quorate.test/peers/internal/peer"
)

const (
	shardID = 1
	timeout = time.Minute
)

func main() { peer.Main(start) }

type node struct {
	id   uint64
	host *dragonboat.NodeHost
	// applied is the index of the last command. The library tells no commit index.
	applied *atomic.Uint64
}

func start(options peer.Config) (peer.Node, error) {
	for _, name := range []string{"dragonboat", "raft", "rsm", "transport", "grpc", "logdb", "tan"} {
		logger.GetLogger(name).SetLevel(logger.WARNING)
	}
	hostConfig := config.NodeHostConfig{
		NodeHostDir:    options.Dir,
		RTTMillisecond: uint64(options.Heartbeat().Milliseconds()),
		RaftAddress:    options.Address(),
	}
	hostConfig.Expert.LogDBFactory = tan.Factory
	host, err := dragonboat.NewNodeHost(hostConfig)
	if err != nil {
		return nil, err
	}
	applied := &atomic.Uint64{}
	create := func(uint64, uint64) statemachine.IConcurrentStateMachine {
		return &counter{applied: applied}
	}
	err = host.StartConcurrentReplica(options.Cluster, false, create, config.Config{
		ReplicaID:    options.ID,
		ShardID:      shardID,
		CheckQuorum:  true,
		PreVote:      true,
		ElectionRTT:  10,
		HeartbeatRTT: 1,
		// No snapshot is ever due: the product's counter takes none either.
		SnapshotEntries: 0,
	})
	if err != nil {
		return nil, err
	}
	return &node{id: options.ID, host: host, applied: applied}, nil
}

func (node *node) Clients(count int) ([]func([]byte) error, error) {
	session := node.host.GetNoOPSession(shardID)
	return peer.Repeat(count, func(command []byte) error {
		deadline, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		_, err := node.host.SyncPropose(deadline, session, command)
		return err
	}), nil
}

func (node *node) Status() (peer.Status, error) {
	leader, _, isKnown, err := node.host.GetLeaderID(shardID)
	if err != nil || !isKnown {
		return peer.Status{Role: "follower"}, err
	}
	role := "follower"
	if leader == node.id {
		role = "leader"
	}
	index := max(1, node.applied.Load())
	return peer.Status{Role: role, Leader: leader, AppliedIndex: index, CommitIndex: index}, nil
}

func (node *node) Close() error {
	node.host.Close()
	return nil
}

// counter is the state machine: it counts commands.
type counter struct {
	count   uint64
	applied *atomic.Uint64
}

func (counter *counter) Update(entries []statemachine.Entry) ([]statemachine.Entry, error) {
	counter.count += uint64(len(entries))
	for offset := range entries {
		entries[offset].Result = statemachine.Result{Value: counter.count}
	}
	counter.applied.Store(entries[len(entries)-1].Index)
	return entries, nil
}

func (counter *counter) Lookup(any) (any, error)       { return counter.count, nil }
func (counter *counter) PrepareSnapshot() (any, error) { return nil, nil }
func (counter *counter) Close() error                  { return nil }

func (counter *counter) SaveSnapshot(
	any, io.Writer, statemachine.ISnapshotFileCollection, <-chan struct{},
) error {
	return nil
}

func (counter *counter) RecoverFromSnapshot(
	io.Reader, []statemachine.SnapshotFile, <-chan struct{},
) error {
	return nil
}
