// Package measure is what every core peer in Go shares: its arguments, its clock and its one line of output.
package measure

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"
)

// Setting is what one sample is to be taken of.
type Setting struct {
	Voters  int
	Bytes   int
	Batch   int
	Entries int
	// Together proposes each batch in one call, where a peer can do that.
	Together bool
}

// Outcome is what one sample came to.
type Outcome struct {
	Entries    int     `json:"entries"`
	Seconds    float64 `json:"seconds"`
	CPUSeconds float64 `json:"cpuSeconds"`
	Messages   int     `json:"messages"`
}

// Core runs one sample: half of the work first, to warm up, and then all of it, measured. Run returns
// how many messages were delivered. As in the other peers, there is one thread for the work.
func Core(run func(Setting, *Clock) (int, error)) {
	if err := core(run); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func core(run func(Setting, *Clock) (int, error)) error {
	if len(os.Args) < 2 || os.Args[1] != "core" {
		return fmt.Errorf("usage: %s core --voters N --bytes N --batch N --entries N", os.Args[0])
	}
	runtime.GOMAXPROCS(1)
	flags := flag.NewFlagSet("core", flag.ExitOnError)
	var setting Setting
	flags.IntVar(&setting.Voters, "voters", 3, "voters in the group")
	flags.IntVar(&setting.Bytes, "bytes", 16, "bytes of each command")
	flags.IntVar(&setting.Batch, "batch", 64, "commands proposed before everything is pumped")
	flags.IntVar(&setting.Entries, "entries", 640_000, "commands in all")
	flags.BoolVar(&setting.Together, "together", false, "propose each batch in one call")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	if setting.Voters < 1 || setting.Bytes < 0 || setting.Batch < 1 || setting.Entries < 1 {
		return fmt.Errorf("no setting: %+v", setting)
	}
	warmUp := setting
	warmUp.Entries = (setting.Entries + 1) / 2
	if _, err := run(warmUp, new(Clock)); err != nil {
		return err
	}
	clock := new(Clock)
	messages, err := run(setting, clock)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(Outcome{
		Entries:    setting.Entries,
		Seconds:    clock.seconds,
		CPUSeconds: clock.cpuSeconds,
		Messages:   messages,
	})
}

// Clock measures one stretch of work.
type Clock struct {
	started    time.Time
	startedCPU float64
	seconds    float64
	cpuSeconds float64
}

// Start begins the stretch: the group has a leader, and nothing was proposed.
func (c *Clock) Start() {
	c.startedCPU = cpuSeconds()
	c.started = time.Now()
}

// Stop ends it.
func (c *Clock) Stop() {
	c.seconds = time.Since(c.started).Seconds()
	c.cpuSeconds = cpuSeconds() - c.startedCPU
}

// cpuSeconds is what all threads of this process have used, in user and in kernel.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func seconds(t syscall.Timeval) float64 {
	return time.Duration(t.Nano()).Seconds()
}
