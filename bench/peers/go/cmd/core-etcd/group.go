package main

import (
	"fmt"
	"io"
	"log"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

const (
	mebi = 1 << 20
)

// node is one member, with memory for a disk.
type node struct {
	*raft.RawNode
	storage *raft.MemoryStorage
	applied int
}

// group is all members in one thread, with a slice for a network.
type group struct {
	nodes    []*node
	network  []*pb.Message
	messages int
}

// newGroup starts a group whose members know one another from an empty snapshot. The limits are those
// that Quorate has by default.
func newGroup(voters int) (*group, error) {
	g := &group{}
	ids := make([]uint64, voters)
	for i := range ids {
		ids[i] = uint64(i + 1)
	}
	for _, id := range ids {
		storage := raft.NewMemoryStorage()
		snapshot := &pb.Snapshot{Metadata: &pb.SnapshotMetadata{
			ConfState: &pb.ConfState{Voters: ids},
			Index:     proto.Uint64(1),
			Term:      proto.Uint64(1),
		}}
		if err := storage.ApplySnapshot(snapshot); err != nil {
			return nil, err
		}
		raw, err := raft.NewRawNode(&raft.Config{
			ID:                        id,
			ElectionTick:              10,
			HeartbeatTick:             1,
			Storage:                   storage,
			Applied:                   1,
			MaxSizePerMsg:             mebi,
			MaxCommittedSizePerReady:  4 * mebi,
			MaxUncommittedEntriesSize: 64 * mebi,
			MaxInflightMsgs:           256,
			MaxInflightBytes:          16 * mebi,
			CheckQuorum:               true,
			PreVote:                   true,
			Logger:                    &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
		})
		if err != nil {
			return nil, err
		}
		g.nodes = append(g.nodes, &node{RawNode: raw, storage: storage})
	}
	return g, nil
}

// elect makes the first node leader, and lets everyone learn of it.
func (g *group) elect() (*node, error) {
	first := g.nodes[0]
	if err := first.Campaign(); err != nil {
		return nil, err
	}
	if err := g.settle(); err != nil {
		return nil, err
	}
	if first.BasicStatus().RaftState != raft.StateLeader {
		return nil, fmt.Errorf("node 1 did not win a quiet election")
	}
	return first, nil
}

// propose hands the leader a batch: one call for each command, or all of them as one message, which is
// how CockroachDB does it. Each call sends an append of its own to every follower.
func (n *node) propose(data []byte, batch int, together bool) error {
	if !together {
		for range batch {
			if err := n.Propose(data); err != nil {
				return err
			}
		}
		return nil
	}
	entries := make([]*pb.Entry, batch)
	for i := range entries {
		entries[i] = &pb.Entry{Data: data}
	}
	return n.Step(&pb.Message{
		Type:    pb.MsgProp.Enum(),
		From:    proto.Uint64(n.BasicStatus().ID),
		Entries: entries,
	})
}

// settle performs and delivers until nothing is left to do.
func (g *group) settle() error {
	for busy := true; busy; {
		performed, err := g.perform()
		if err != nil {
			return err
		}
		delivered, err := g.deliver()
		if err != nil {
			return err
		}
		busy = performed || delivered
	}
	return nil
}

// perform lets every node do all that is due, once, and puts what they say on the network.
func (g *group) perform() (bool, error) {
	any := false
	for _, n := range g.nodes {
		for n.HasReady() {
			ready := n.Ready()
			if !raft.IsEmptyHardState(ready.HardState) {
				if err := n.storage.SetHardState(ready.HardState); err != nil {
					return false, err
				}
			}
			if err := n.storage.Append(ready.Entries); err != nil {
				return false, err
			}
			g.network = append(g.network, ready.Messages...)
			n.applied += len(ready.CommittedEntries)
			n.Advance(ready)
			any = true
		}
	}
	return any, nil
}

// deliver hands over what is on the network: one hop.
func (g *group) deliver() (bool, error) {
	messages := g.network
	g.network = nil
	for _, message := range messages {
		g.messages++
		if err := g.nodes[message.GetTo()-1].Step(message); err != nil {
			return false, err
		}
	}
	return len(messages) > 0, nil
}
