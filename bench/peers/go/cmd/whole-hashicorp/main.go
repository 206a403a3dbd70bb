// Command whole-hashicorp is one node of hashicorp/raft with raft-wal, measured as a whole system.
package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"

	"quorate.test/peers/internal/peer"
)

const (
	timeout = time.Minute
	// The library's limit. With the default of 64 a batch is never larger than that, on the leader's
	// disk as on the way to a follower.
	appendEntriesMax = 1024
	// The log is read for each follower, entry by entry. Whoever uses the library puts this cache
	// before it.
	cachedEntriesMax = 4 * appendEntriesMax
)

func main() { peer.Main(start) }

type node struct {
	raft *raft.Raft
	wal  *wal.WAL
}

func start(config peer.Config) (peer.Node, error) {
	log, err := wal.Open(mustMake(filepath.Join(config.Dir, "wal")))
	if err != nil {
		return nil, err
	}
	cached, err := raft.NewLogCache(cachedEntriesMax, log)
	if err != nil {
		return nil, err
	}
	// No snapshot is ever due: the product's counter takes none either.
	snapshots, err := raft.NewFileSnapshotStore(config.Dir, 1, os.Stderr)
	if err != nil {
		return nil, err
	}
	transport, err := raft.NewTCPTransport(config.Address(), nil, 3, 10*time.Second, os.Stderr)
	if err != nil {
		return nil, err
	}
	options := raft.DefaultConfig()
	options.LocalID = serverID(config.ID)
	options.LogLevel = "WARN"
	options.LogOutput = os.Stderr
	options.HeartbeatTimeout = config.Election
	options.ElectionTimeout = config.Election
	options.LeaderLeaseTimeout = config.Election / 2
	options.SnapshotThreshold = 1 << 62
	options.MaxAppendEntries = appendEntriesMax
	options.BatchApplyCh = true
	server, err := raft.NewRaft(options, &counter{}, cached, log, snapshots, transport)
	if err != nil {
		return nil, err
	}
	var members raft.Configuration
	for id, address := range config.Cluster {
		members.Servers = append(members.Servers, raft.Server{
			ID:      serverID(id),
			Address: raft.ServerAddress(address),
		})
	}
	if err := server.BootstrapCluster(members).Error(); err != nil {
		return nil, err
	}
	return &node{server, log}, nil
}

func (node *node) Clients(count int) ([]func([]byte) error, error) {
	return peer.Repeat(count, func(command []byte) error {
		return node.raft.Apply(command, timeout).Error()
	}), nil
}

func (node *node) Status() (peer.Status, error) {
	_, leader := node.raft.LeaderWithID()
	id, _ := strconv.ParseUint(string(leader), 10, 64)
	return peer.Status{
		Role:         strings.ToLower(node.raft.State().String()),
		Leader:       id,
		AppliedIndex: node.raft.AppliedIndex(),
		CommitIndex:  node.raft.CommitIndex(),
	}, nil
}

func (node *node) Close() error {
	if err := node.raft.Shutdown().Error(); err != nil {
		return err
	}
	return node.wal.Close()
}

func serverID(id uint64) raft.ServerID {
	return raft.ServerID(strconv.FormatUint(id, 10))
}

func mustMake(dir string) string {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	return dir
}

// counter is the state machine: it counts commands.
type counter struct{ count uint64 }

// ApplyBatch makes it a raft.BatchingFSM, which is handed all that is committed at once.
func (counter *counter) ApplyBatch(logs []*raft.Log) []any {
	counter.count += uint64(len(logs))
	return make([]any, len(logs))
}

func (counter *counter) Apply(*raft.Log) any {
	counter.count++
	return nil
}

func (counter *counter) Snapshot() (raft.FSMSnapshot, error) { return empty{}, nil }
func (counter *counter) Restore(content io.ReadCloser) error { return content.Close() }

type empty struct{}

func (empty) Persist(sink raft.SnapshotSink) error { return sink.Close() }
func (empty) Release()                             {}
