// Package peer is what every whole system in Go shares: how its process is called, what it is asked
// over standard input, and the clients that load it.
//
//	PROGRAM node --id 1 --cluster 1=127.0.0.1:5001,2=… --dir DIR --election-ms 1000
//
// Then one JSON object per line comes in, and one answer with the same id per line goes out, with the
// shapes of bench/src/replica-protocol.ts. The end of the input ends the process.
package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config says which node of which cluster a process is.
type Config struct {
	ID uint64
	// Cluster has the address of every node, this one's too.
	Cluster map[uint64]string
	// Dir is this node's own directory, which exists.
	Dir string
	// Election is the least time without a leader before an election. Heartbeats come ten times in it.
	Election time.Duration
}

// Address is where this node is reached.
func (config Config) Address() string { return config.Cluster[config.ID] }

// Heartbeat is the interval of the leader's heartbeats.
func (config Config) Heartbeat() time.Duration { return config.Election / 10 }

// Status is what a node knows of itself. Zero stands for no leader.
type Status struct {
	Role         string `json:"role"`
	Leader       uint64 `json:"leader"`
	AppliedIndex uint64 `json:"appliedIndex"`
	CommitIndex  uint64 `json:"commitIndex"`
}

// Node is one running replica of the measured system.
type Node interface {
	// Clients makes the functions that a load of count clients proposes with. Each returns when its
	// command was committed and applied, and each is called by one goroutine.
	Clients(count int) ([]func(command []byte) error, error)
	Status() (Status, error)
	Close() error
}

type request struct {
	ID      int     `json:"id"`
	Kind    string  `json:"kind"`
	Clients int     `json:"clients"`
	Bytes   int     `json:"bytes"`
	Writes  int64   `json:"writes"`
	Seconds float64 `json:"seconds"`
}

type reply struct {
	ID     int         `json:"id"`
	Kind   string      `json:"kind"`
	Reason string      `json:"reason,omitempty"`
	Result *LoadResult `json:"result,omitempty"`
	*Status
}

// Main runs one node until the parent has enough of it.
func Main(start func(Config) (Node, error)) {
	if err := run(start); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(start func(Config) (Node, error)) error {
	config, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	node, err := start(config)
	if err != nil {
		return err
	}
	// Whatever a library prints must not come between the answers.
	out := json.NewEncoder(os.Stdout)
	os.Stdout = os.Stderr
	var mutex sync.Mutex
	answer := func(reply reply) {
		mutex.Lock()
		defer mutex.Unlock()
		_ = out.Encode(reply)
	}
	answer(reply{Kind: "started"})
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var command request
		if err := json.Unmarshal(lines.Bytes(), &command); err != nil {
			return err
		}
		if command.Kind == "close" {
			err := node.Close()
			answer(reply{ID: command.ID, Kind: "closed"})
			return err
		}
		go func() {
			result, err := handle(node, command)
			if err != nil {
				result = reply{Kind: "failed", Reason: err.Error()}
			}
			result.ID = command.ID
			answer(result)
		}()
	}
	// The parent may be gone without a word: nobody waits for a good end.
	return nil
}

func handle(node Node, command request) (reply, error) {
	switch command.Kind {
	case "load":
		result, err := load(node, command)
		return reply{Kind: "load", Result: &result}, err
	case "status":
		status, err := node.Status()
		return reply{Kind: "status", Status: &status}, err
	default:
		return reply{}, fmt.Errorf("this peer does not answer %q", command.Kind)
	}
}

func parse(args []string) (Config, error) {
	if len(args) == 0 || args[0] != "node" {
		return Config{}, errors.New("the only command is node")
	}
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	id := flags.Uint64("id", 0, "this node")
	cluster := flags.String("cluster", "", "ID=HOST:PORT,…")
	dir := flags.String("dir", "", "this node's files")
	electionMs := flags.Int("election-ms", 1000, "the least election timeout")
	if err := flags.Parse(args[1:]); err != nil {
		return Config{}, err
	}
	config := Config{
		ID:       *id,
		Cluster:  map[uint64]string{},
		Election: time.Duration(*electionMs) * time.Millisecond,
	}
	for _, pair := range strings.Split(*cluster, ",") {
		name, address, _ := strings.Cut(pair, "=")
		id, err := strconv.ParseUint(name, 10, 64)
		if err != nil {
			return Config{}, err
		}
		if !strings.HasPrefix(address, "127.0.0.1:") {
			return Config{}, fmt.Errorf("%q is not on loopback", address)
		}
		config.Cluster[id] = address
	}
	if config.Address() == "" || *dir == "" {
		return Config{}, errors.New("--id must be in --cluster, and --dir be given")
	}
	absolute, err := filepath.Abs(*dir)
	config.Dir = absolute
	return config, errors.Join(err, os.MkdirAll(absolute, 0o755))
}
