const statuses = `
Exit status:
  0 done    1 answered: no such key, or refused as things are    2 wrong usage
  3 unavailable, nothing was done    4 unknown: it was sent and may or may not take effect`;

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
      --http 0.0.0.0:8001 --data-dir /var/lib/quorate \\
      --peer-tls-ca ca.pem --peer-tls-cert node-1.pem --peer-tls-key node-1.key \\
      --tls-cert node-1.pem --tls-key node-1.key --token-file tokens

Example, a fourth that joins them, and asks to be added:
  $ quorate serve --id 4 --cluster 4=10.0.0.4:7001 --http 0.0.0.0:8001 \\
      --data-dir /var/lib/quorate --join https://10.0.0.1:8001,https://10.0.0.2:8001 --join-ca ca.pem \\
      --peer-tls-ca ca.pem --peer-tls-cert node-4.pem --peer-tls-key node-4.key \\
      --tls-cert node-4.pem --tls-key node-4.key --token-file tokens

--cluster says who the first members are, and counts on an empty data directory only: later the group
knows its members by itself. A node that joins need only name itself.

SIGTERM and SIGINT stop the node; if it leads, it hands over first. Exit status: 0 it was stopped,
1 it failed, 2 it cannot run as it is set up, 5 it was removed from the group, for good.

Certificates and tokens are read again when their files change. A certificate speaks for node 1 of the
cluster "default" if it names URI:quorate://default/1. Where others than this machine can connect, peers
must show certificates, and clients certificates or tokens, unless --insecure says that they need not.`;

/** What follows the list of commands about members. */
export const memberHelp = `
Examples:
  $ quorate member add 4 10.0.0.4:7001 --dry-run
  $ quorate member add 4 10.0.0.4:7001
  $ quorate member replace 2 5 10.0.0.5:7001      node 2 lost its disk; node 5 takes its place
  $ quorate member set 1,3,5 --if-index 1234
  $ quorate member update 3 --priority 10

What is wanted is described, not what to do: when it is not known what became of a change, ask for the
same again.`;

/** What follows the options of `forget-leader`. */
export const forgetLeaderHelp: string = `
Example, when the leader's machine is gone:
  $ quorate forget-leader --endpoints http://10.0.0.2:8001

For whoever knows that the leader is gone, before the nodes notice: the node votes for whoever asks, and
hands nothing to the old leader any more. It does not campaign by itself. If the leader is alive after all,
the node follows it again as soon as it hears from it.
${statuses}`;

/** What follows the options of `snapshot restore`. */
export const restoreHelp = `
Example, for a group of one that others join later:
  $ quorate snapshot restore backup.snap --id 1 --cluster 1=10.0.0.1:7001 --data-dir /var/lib/quorate

The new group has a name of its own, so that no node of it ever talks to one of the old.

Exit status:
  0 done    1 the snapshot is damaged, or has no state    2 wrong usage, or the directory is not empty`;

/** What follows the options of `recover`. */
export const recoverHelp = `
Examples:
  $ quorate recover --data-dir /var/lib/quorate --report
  $ quorate recover --data-dir /var/lib/quorate --into /var/lib/quorate-new
  $ quorate recover --data-dir a --data-dir b --into new --cluster-id docs-2 --yes
  $ quorate recover --data-dir /var/lib/quorate --other 2=5/1234 --into /var/lib/quorate-new

Only if a majority of the voters is lost for good. Stop what is left. Of several nodes, the one that
reaches furthest goes on: on machines apart, --report says on each how far it is, and --other tells that.
What will be kept and what may be lost is shown before anything is done; then the name of the group is
asked for. The directories that are read stay as they are.

Exit status:
  0 done    1 damaged, or not confirmed    2 wrong usage, in use, a majority is there, or --force is needed`;

/** What follows the commands about logs. */
export const logHelp = `
Examples:
  $ quorate log verify /var/lib/quorate
  $ quorate log inspect /var/lib/quorate --entries 1200-1234

Batches and entries are shown as they were written: of two entries with one index, the later one counts.
Of a node that runs, the last batch may be one that is being written: verify looks again.

Exit status:
  0 a start would take it    1 it is damaged, or there is none    2 wrong usage`;

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

/** What follows the options of `replay`. */
export const replayHelp: string = `
Examples:
  $ quorate replay data/1/flight-1.qfr                 every step, and how it came out
  $ quorate replay data/1/flight-1.qfr --from 900 --to 950
  $ quorate replay data/1/flight-1.qfr --interactive   n, p, g STEP, s, q

A node writes such a file to its data directory when it fails, and at SIGUSR2; flight-record copies one.
Exit status: 0 it came out as recorded, also if that was a failure; 1 it differs; 2 it cannot be read.`;
