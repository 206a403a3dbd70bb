const statuses = `
Exit status:
  0 done    1 answered: no such key    2 wrong usage    3 unavailable, nothing was done
  4 unknown: the write was sent and may or may not take effect`;

/** What follows the list of commands. */
export const generalHelp: string = `
Examples:
  $ quorate local                    a cluster of three on this machine
  $ quorate put greeting hello
  $ quorate get greeting
  $ quorate status --watch
${statuses}`;

/** What follows the options of `local`. */
export const localHelp = `
Examples:
  $ quorate local
  $ quorate local --nodes 5 --data-dir /tmp/five --http-port 9001 --peer-port 9101

Node n listens on the given ports plus n - 1. The data stays: the next start finds it.`;

/** What follows the options of `serve`. */
export const serveHelp = `
Example, the first of three:
  $ quorate serve --id 1 --cluster 1=10.0.0.1:7001,2=10.0.0.2:7001,3=10.0.0.3:7001 \\
      --http 0.0.0.0:8001 --data-dir /var/lib/quorate

Peers and clients are not authenticated: listen on networks that you trust.`;

/** What follows the options of `sim`. */
export const simHelp = `
Examples:
  $ quorate sim --seeds 1-1000
  $ quorate sim --minutes 30 --jobs 2
  $ quorate sim --seed 17 --print
  $ quorate sim --replay sim-failures/core-17.txt --print

The same seed gives the same run, everywhere. Seeds that fail are kept in a list, with the smallest
scenario that shows each of the first beside it; the next campaign begins with them. Ctrl-C ends a
campaign, which then says what it has seen.

Exit status:
  0 all runs were right    1 a run failed    2 wrong usage`;

/** What follows the options of `check`. */
export const checkHelp = `
Formats: jsonl, which HISTORY.md of @quorate/sim specifies; edn of Jepsen and Knossos; porcupine, the
text of its tests. Models: register, kv, counter, list; each key is an object of its own.

Examples:
  $ quorate check history.jsonl
  $ quorate check history.edn --model register --json
  $ quorate check kv.txt --format porcupine --budget 1000000

Exit status:
  0 linearizable    1 illegal    2 not a history    4 unknown: the budget ran out`;

/** What follows the options of every command that talks to servers. */
export const clusterHelp: string = `
Any node will do: the command finds one that can serve.
${statuses}`;
