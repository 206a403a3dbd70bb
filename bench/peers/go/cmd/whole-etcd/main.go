// Command whole-etcd is one etcd server in a process of its own, and beside it, here, the clients that
// write to it through etcd's own client. The server is the program etcd beside this one.
package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"quorate.test/peers/internal/peer"
)

const (
	timeout = time.Minute
	// As etcd's own benchmark has it: 100 connections for 1,000 clients.
	clientsPerConnection = 10
)

func main() { peer.Main(start) }

type node struct {
	id          uint64
	url         string
	server      *exec.Cmd
	connections []*clientv3.Client
}

func start(config peer.Config) (peer.Node, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var members []string
	for id, address := range config.Cluster {
		members = append(members, fmt.Sprintf("%d=http://%s", id, address))
	}
	slices.Sort(members)
	server := exec.Command(filepath.Join(filepath.Dir(program), "etcd"),
		"--name", fmt.Sprint(config.ID),
		"--data-dir", filepath.Join(config.Dir, "etcd"),
		"--listen-peer-urls", "http://"+config.Address(),
		"--initial-advertise-peer-urls", "http://"+config.Address(),
		"--listen-client-urls", "http://"+address,
		"--advertise-client-urls", "http://"+address,
		"--initial-cluster", strings.Join(members, ","),
		"--initial-cluster-state", "new",
		"--heartbeat-interval", fmt.Sprint(config.Heartbeat().Milliseconds()),
		"--election-timeout", fmt.Sprint(config.Election.Milliseconds()),
		"--quota-backend-bytes", fmt.Sprint(8<<30),
		"--log-level", "warn",
	)
	// Its log goes where this process's goes, and it does not outlive this process.
	server.Stdout = os.Stderr
	server.Stderr = os.Stderr
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		return nil, err
	}
	node := &node{id: config.ID, url: "http://" + address, server: server}
	return node, node.connect(1)
}

func (node *node) connect(count int) error {
	for len(node.connections) < count {
		client, err := clientv3.New(clientv3.Config{
			Endpoints:   []string{node.url},
			DialTimeout: timeout,
			Logger:      zap.NewNop(),
		})
		if err != nil {
			return err
		}
		node.connections = append(node.connections, client)
	}
	return nil
}

// Clients gives every client a key of its own; what it proposes is the value.
func (node *node) Clients(count int) ([]func([]byte) error, error) {
	connectionCount := (count + clientsPerConnection - 1) / clientsPerConnection
	if err := node.connect(connectionCount); err != nil {
		return nil, err
	}
	clients := make([]func([]byte) error, count)
	for offset := range clients {
		client := node.connections[offset%connectionCount]
		key := fmt.Sprintf("%08d", offset)
		clients[offset] = func(command []byte) error {
			deadline, cancel := context.WithTimeout(context.Background(), timeout)
			defer cancel()
			_, err := client.Put(deadline, key, string(command))
			return err
		}
	}
	return clients, nil
}

func (node *node) Status() (peer.Status, error) {
	deadline, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	status, err := node.connections[0].Status(deadline, node.url)
	if err != nil {
		return peer.Status{Role: "starting"}, nil
	}
	role := "follower"
	if status.Leader == status.Header.MemberId {
		role = "leader"
	}
	return peer.Status{
		Role:         role,
		Leader:       status.Leader,
		AppliedIndex: status.RaftAppliedIndex,
		CommitIndex:  status.RaftIndex,
	}, nil
}

func (node *node) Close() error {
	for _, client := range node.connections {
		_ = client.Close()
	}
	_ = node.server.Process.Signal(syscall.SIGTERM)
	return node.server.Wait()
}

// freeAddress is one that the system has free now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}
