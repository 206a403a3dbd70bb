package peer

import (
	"errors"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// LoadResult is how a load went.
type LoadResult struct {
	Writes   int     `json:"writes"`
	Seconds  float64 `json:"seconds"`
	MedianMs float64 `json:"medianMs"`
	P99Ms    float64 `json:"p99Ms"`
}

// load keeps as many proposals under way as there are clients until all writes were made or the time
// is over. A client waits for its answer before it writes again.
func load(node Node, command request) (LoadResult, error) {
	proposers, err := node.Clients(command.Clients)
	if err != nil {
		return LoadResult{}, err
	}
	data := make([]byte, command.Bytes)
	for offset := range data {
		data[offset] = 7
	}
	var left atomic.Int64
	left.Store(command.Writes)
	times := make([][]float64, len(proposers))
	failures := make([]error, len(proposers))
	var group sync.WaitGroup
	start := time.Now()
	end := start.Add(time.Duration(command.Seconds * float64(time.Second)))
	for client, propose := range proposers {
		group.Go(func() {
			for began := time.Now(); began.Before(end) && left.Add(-1) >= 0; began = time.Now() {
				if failures[client] = propose(data); failures[client] != nil {
					return
				}
				times[client] = append(times[client], time.Since(began).Seconds()*1000)
			}
		})
	}
	group.Wait()
	seconds := time.Since(start).Seconds()
	all := slices.Concat(times...)
	slices.Sort(all)
	result := LoadResult{
		Writes:   len(all),
		Seconds:  seconds,
		MedianMs: percentile(all, 50),
		P99Ms:    percentile(all, 99),
	}
	return result, errors.Join(failures...)
}

// percentile is the smallest value that at least percent of the values do not exceed.
func percentile(sorted []float64, percent float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(math.Ceil(percent/100*float64(len(sorted)))) - 1
	return sorted[max(0, rank)]
}

// Repeat makes count clients of one function that many goroutines may call.
func Repeat(count int, propose func(command []byte) error) []func(command []byte) error {
	clients := make([]func(command []byte) error, count)
	for client := range clients {
		clients[client] = propose
	}
	return clients
}
