import {
  describeConfState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeStatus,
  emptyStorage,
  type Entry,
  joiningSnapshot,
  type Message,
  newEntry,
  type NodeId,
  none,
  RaftError,
  type RaftOptions,
  type Storage,
} from "../src/index.ts";
import { ClusterChecks } from "./cluster-checks.ts";
import { describeDisk, describeWork, entryNames } from "./describe-host.ts";
import { Host, type World } from "./host.ts";
import { Network, type Selection } from "./network.ts";
import {
  field,
  parseChange,
  parseData,
  parseEntry,
  parseId,
  parseMessage,
  parseNode,
  parseOptions,
} from "./parse.ts";

/**
 * A few real nodes and the network between them, driven by the commands of a scenario. Each command
 * prints what it made happen. After every command the invariants of every node and of the cluster are
 * checked.
 */
export class Cluster {
  readonly #hosts = new Map<NodeId, Host>();
  readonly #network = new Network();
  #options: RaftOptions = {};
  #output: string[] = [];
  #checks = new ClusterChecks();
  /** Reads are named by the order of their start, since their real names are random. */
  readonly #readNames = new Map<string, string>();

  /** Runs one command and returns what it prints: lines, or nothing. */
  run(command: string, args: readonly string[]): string {
    if (command === "quiet") {
      const [inner = "", ...rest] = args;
      const printed = this.run(inner, rest);
      return printed.split("\n").filter(isError).join("\n");
    }
    this.#output = [];
    const action = this.#commands[command];
    if (action === undefined) throw new Error(`unknown command: ${command}`);
    try {
      action(args);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      const leader = error.leader === none ? "" : ` (leader n${error.leader})`;
      this.#print(`error ${error.message}${leader}`);
    }
    this.#check();
    return this.#output.map((text) => this.#renamed(text)).join("\n");
  }

  readonly #commands: Readonly<Record<string, (args: readonly string[]) => void>> = {
    // The cluster and what it starts from.
    cluster: (args) => this.#create(args),
    append: ([node, ...ids]) => this.#preload(this.#host(node), ids.map(parseStored)),
    hardstate: ([node, ...fields]) => this.#setHardState(this.#host(node), fields),
    manual: (args) => this.#each(args, (host) => (host.isManual = true)),
    automatic: (args) => this.#each(args, (host) => this.#automate(host)),
    crash: (args) => this.#each(args, (host) => host.crash()),
    losepower: (args) => this.#each(args, (host) => host.losePower()),
    restart: (args) => this.#each(args, (host) => this.#restart(host)),
    join: (args) => this.#join(args),

    // What goes into a node.
    campaign: (args) => this.#drive(args, (host) => host.node.campaign()),
    tick: ([node, count]) => this.#tick(this.#host(node), Number(count ?? 1)),
    time: ([count]) => this.#passTime(Number(count ?? 1)),
    propose: ([node, ...data]) => this.#propose(this.#host(node), data),
    change: ([node, ...change]) =>
      this.#drive([node], (host) => host.node.proposeChange(parseChange(change))),
    snapshot: ([node, keep]) => this.#snapshot(this.#host(node), keep),
    report: ([node, peer, how]) =>
      this.#drive([node], (host) => host.node.reportSnapshot(parseNode(peer), how === "ok")),
    transfer: ([node, to]) => this.#transfer(this.#host(node), parseNode(to ?? "-")),
    stepdown: (args) => this.#drive(args, (host) => host.node.stepDown()),
    forget: ([node]) => this.#forget(this.#host(node)),
    read: (args) => this.#drive(args, (host) => host.node.readIndex()),
    step: ([node, ...message]) => this.#forge(this.#host(node), parseMessage(message)),
    unreachable: ([node, peer]) =>
      this.#drive([node], (host) => host.node.reportUnreachable(parseNode(peer))),

    // What comes out, by hand.
    ready: ([node]) => this.#print(describeReady(this.#host(node).look()) || "nothing to do"),
    accept: ([node]) => this.#print(`accepted ${this.#host(node).accept().number}`),
    persist: ([node, number]) => this.#host(node).persist(...optional(number)),
    apply: ([node, index]) => this.#print(describeWork(this.#host(node).apply(...optional(index)))),

    // The network.
    deliver: (args) => this.#deliverAll(this.#network.take(parseSelection(args))),
    drop: (args) => this.#list("lost", this.#network.take(parseSelection(args))),
    duplicate: (args) => this.#list("again", this.#network.duplicate(parseSelection(args))),
    network: () => this.#list("on the way", this.#network.messages),
    cut: (args) => this.#cut(args),
    isolate: (args) => this.#each(args, (host) => this.#isolate(host.id)),
    heal: () => this.#network.heal(),
    stabilize: (args) => this.#stabilize(args.map(parseNode)),

    // A look.
    status: (args) => this.#status(args),
    conf: (args) =>
      this.#each(args, ({ id, node }) =>
        this.#print(`n${id} ${describeConfState(node.confState)} since ${node.confIndex}`),
      ),
    why: (args) =>
      this.#each(args, ({ id, node }) =>
        this.#print(`n${id} stopped leading: ${node.status().stepDownReason ?? "never"}`),
      ),
    log: (args) =>
      this.#each(args, ({ node }) => {
        const { firstIndex } = node.status();
        const names = entryNames(node.entries(firstIndex, node.lastIndex));
        this.#print(`n${node.id} ${firstIndex > 1 ? `..${firstIndex - 1} ` : ""}${names}`);
      }),
    disk: (args) => this.#each(args, ({ id, storage }) => this.#print(describeDisk(id, storage))),
  };

  #create(args: readonly string[]): void {
    const ids = args.filter((arg) => !arg.includes("=")).map(parseNode);
    this.#options = parseOptions(args.filter((arg) => arg.includes("=")));
    this.#hosts.clear();
    this.#checks = new ClusterChecks();
    this.#readNames.clear();
    this.#network.heal();
    this.#network.take(parseSelection([]));
    for (const id of ids) this.#start(id, ids, this.#options);
  }

  #start(id: NodeId, founders: readonly NodeId[], options: RaftOptions): void {
    const world: World = {
      send: (messages) => this.#network.send(messages),
      applied: (node, entries) => this.#checks.applied(node, entries),
      snapshot: (node, snapshot) => this.#checks.snapshot(node, snapshot),
      look: (host) => this.#look(host),
    };
    const host = new Host(id, founders, options, world);
    this.#hosts.set(id, host);
    this.#checks.began(host.node.status());
  }

  /** Starts nodes that are no members yet. */
  #join(args: readonly string[]): void {
    const storage: Storage = { ...emptyStorage, snapshot: joiningSnapshot };
    for (const arg of args) this.#start(parseNode(arg), [], { ...this.#options, storage });
  }

  #snapshot(host: Host, keep: string | undefined): void {
    const snapshot = host.takeSnapshot(Number(field([keep ?? ""], "keep") ?? 0));
    this.#print(`n${host.id} ${describeSnapshot(snapshot)}`);
    this.#settle(host);
  }

  #transfer(host: Host, to: NodeId): void {
    this.#print(`to n${host.node.transferLeadership(to)}`);
    this.#settle(host);
  }

  #forget(host: Host): void {
    const forgotten = host.node.forgetLeader();
    this.#print(`n${host.id} forgot ${forgotten === none ? "nobody" : `n${forgotten}`}`);
    this.#settle(host);
  }

  #preload(host: Host, entries: readonly Entry[]): void {
    const { hardState } = host.storage;
    const term = Math.max(hardState.term, entries.at(-1)?.term ?? 0);
    host.storage = { ...host.storage, hardState: { ...hardState, term }, entries };
    host.restart();
  }

  #setHardState(host: Host, fields: readonly string[]): void {
    const { hardState } = host.storage;
    const term = Number(field(fields, "term") ?? hardState.term);
    const vote = parseNode(field(fields, "vote") ?? "-");
    const commitIndex = Number(field(fields, "commit") ?? hardState.commitIndex);
    host.storage = { ...host.storage, hardState: { term, vote, commitIndex } };
    host.restart();
  }

  #restart(host: Host): void {
    host.restart();
    this.#print(describeStatus(host.node.status()));
    this.#settle(host);
  }

  #automate(host: Host): void {
    host.isManual = false;
    if (host.isUp) this.#settle(host);
  }

  #drive([node]: readonly (string | undefined)[], act: (host: Host) => void): void {
    const host = this.#host(node);
    act(host);
    this.#settle(host);
  }

  #forge(host: Host, message: Message): void {
    step(host, message);
    this.#checks.assume(message);
    this.#settle(host);
  }

  #tick(host: Host, count: number): void {
    for (let tick = 0; tick < count; tick++) {
      host.node.tick();
      this.#settle(host);
    }
  }

  /** Lets time pass for all who are up, one tick at a time, and everything arrive in between. */
  #passTime(count: number): void {
    for (let tick = 0; tick < count; tick++) {
      for (const host of this.#hosts.values()) if (host.isUp) host.node.tick();
      this.#stabilize([]);
    }
  }

  /** Several commands are proposed in one turn, before a Ready is performed. `x3` repeats the last. */
  #propose(host: Host, data: readonly string[]): void {
    const times = Number(/^x(\d+)$/.exec(data.at(-1) ?? "")?.[1] ?? 1);
    const commands = (times === 1 ? data : data.slice(0, -1)).map(parseData);
    for (let time = 0; time < times; time++) {
      for (const command of commands) host.node.propose(command);
    }
    this.#settle(host);
  }

  /** Performs the Readys of a host, unless that is done by hand. */
  #settle(host: Host): void {
    if (host.isManual) return;
    const turnsMax = 1000;
    for (let turn = 0; host.node.hasReady; turn++) {
      if (turn === turnsMax) throw new Error(`node ${host.id} is not done after ${turn} Readys`);
      const { role, term } = host.node;
      const ready = host.look();
      this.#print(`n${host.id} ${role} term=${term}`);
      this.#print(indent(describeReady(ready)));
      host.perform(ready);
      host.check();
    }
  }

  #deliverAll(messages: readonly Message[]): void {
    for (const message of messages) this.#deliver(message);
  }

  #deliver(message: Message): void {
    const host = this.#hosts.get(message.to);
    if (host === undefined || !host.isUp) {
      this.#print(`lost ${describeMessage(message)}`);
      return;
    }
    this.#print(describeMessage(message));
    try {
      step(host, message);
      this.#look(host);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.#print(`  error ${error.message}`);
    }
    this.#settle(host);
  }

  /** Performs Readys and delivers messages, among all nodes or some, until nothing is left to do. */
  #stabilize(ids: readonly NodeId[]): void {
    const roundsMax = 1000;
    for (let round = 0; round < roundsMax; round++) {
      for (const host of this.#hosts.values()) if (host.isUp) this.#settle(host);
      const messages = this.#network.take({ ...parseSelection([]), among: ids });
      if (messages.length === 0) return;
      this.#deliverAll(messages);
    }
    throw new Error(`the cluster is not quiet after ${roundsMax} rounds`);
  }

  #cut(args: readonly string[]): void {
    for (const arg of args) {
      const [from, to] = arg.split("->");
      this.#network.cut(parseNode(from), parseNode(to));
    }
  }

  #isolate(id: NodeId): void {
    for (const other of this.#hosts.keys()) {
      if (other === id) continue;
      this.#network.cut(id, other);
      this.#network.cut(other, id);
    }
  }

  #status(args: readonly string[]): void {
    const named = args.length > 0 ? args : Array.from(this.#hosts.keys(), (id) => `n${id}`);
    for (const name of named) {
      const host = this.#host(name);
      this.#print(host.isUp ? describeStatus(host.node.status()) : `${name} down`);
    }
  }

  #list(what: string, messages: readonly Message[]): void {
    for (const message of messages) this.#print(`${what}: ${describeMessage(message)}`);
  }

  #each(args: readonly string[], act: (host: Host) => void): void {
    for (const name of args) act(this.#host(name));
  }

  #host(name: string | undefined): Host {
    const host = this.#hosts.get(parseNode(name));
    if (host === undefined) throw new Error(`no such node: ${name ?? "none given"}`);
    return host;
  }

  #print(text: string): void {
    this.#output.push(text);
  }

  #renamed(text: string): string {
    return text.replaceAll(/\bread(=| )(\d{10,})/g, (_, mark: string, id: string) => {
      const name = this.#readNames.get(id) ?? `r${this.#readNames.size + 1}`;
      this.#readNames.set(id, name);
      return `read${mark}${name}`;
    });
  }

  #check(): void {
    for (const host of this.#hosts.values()) {
      host.check();
      if (host.isUp) this.#look(host);
    }
  }

  #look({ node }: Host): void {
    const status = node.status();
    const entries = node.entries(status.firstIndex, node.lastIndex);
    const disks = Array.from(this.#hosts, ([id, { storage }]) => [id, storage] as const);
    this.#checks.look({ status, entries }, new Map(disks));
  }
}

/** Gives a message to a node; the state that belongs to a snapshot has arrived before. */
function step(host: Host, message: Message): void {
  if (message.kind === "install-snapshot") host.receive(message.snapshot);
  host.node.step(message);
}

function isError(line: string): boolean {
  return line.trimStart().startsWith("error ");
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "  ");
}

function optional(text: string | undefined): [] | [number] {
  return text === undefined ? [] : [Number(text)];
}

/** A stored entry: a command named after itself, unless the text says more. */
function parseStored(text: string): Entry {
  if (text.includes(":")) return parseEntry(text);
  return newEntry(parseId(text), "command", parseData(text));
}

/** `n1->n2`, `n1->`, `->n2`, a kind of message, and how many at most. */
function parseSelection(args: readonly string[]): Selection {
  const link = args.find((arg) => arg.includes("->"))?.split("->");
  const count = args.find((arg) => /^\d+$/.test(arg));
  const kind = args.find((arg) => !arg.includes("->") && arg !== count);
  return {
    from: link?.[0] ? parseNode(link[0]) : undefined,
    to: link?.[1] ? parseNode(link[1]) : undefined,
    among: [],
    kind,
    countMax: count === undefined ? Number.POSITIVE_INFINITY : Number(count),
  };
}
