import {
  emptyStorage,
  isMember,
  joiningSnapshot,
  type MemberChange,
  type Message,
  newConfChange,
  type NodeId,
  none,
  RaftError,
  type RaftNode,
  type RaftOptions,
  SeededRandom,
  type Transition,
} from "../src/index.ts";
import { ClusterChecks } from "./cluster-checks.ts";
import { Host, type World } from "./host.ts";

const founders = [1, 2, 3];
const joiners = [4, 5];

/** How often each event comes up by default, in the order of `RandomCluster.#act`. */
const weights = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 6];

/** Some events come up often in a run, and others never: so runs differ more than by chance alone. */
function drawDeck(random: SeededRandom): readonly number[] {
  return weights.flatMap((weight, event) => {
    const isNeeded = event === 1 || event > 10;
    const factor = [isNeeded ? 1 : 0, 1, 1, 2, 5][random.below(5)] ?? 1;
    return Array.from({ length: weight * factor }, () => event);
  });
}

/**
 * Five nodes, three of them founders, to which anything happens that may: a world that draws each next
 * event from its seed, and checks all that must hold after each.
 */
export class RandomCluster {
  readonly #random: SeededRandom;
  readonly #hosts = new Map<NodeId, Host>();
  readonly #checks = new ClusterChecks();
  /** On the way, in no order. */
  #messages: Message[] = [];
  /** Delivered, without a word of it to the sender so far. */
  readonly #unreported: Message[] = [];
  /** How often each kind of event comes up. */
  readonly #deck: readonly number[];
  /** Whose state machines take their time. */
  readonly #slow: ReadonlySet<NodeId>;
  /** Who is cut off from the rest. */
  #away: ReadonlySet<NodeId> = new Set();
  #commandCount = 0;
  /** What happened at least once, so that a test sees that it tests something. */
  readonly seen = new Set<string>();

  constructor(seed: number, options: RaftOptions) {
    this.#random = new SeededRandom(seed);
    this.#deck = drawDeck(this.#random);
    this.#slow = new Set([this.#random.below(12), this.#random.below(12)]);
    const world: World = {
      send: (messages) => this.#messages.push(...messages),
      applied: (node, entries) => this.#checks.applied(node, entries),
      snapshot: (node, snapshot) => this.#checks.snapshot(node, snapshot),
      look: (host) => this.#look(host),
    };
    const start = (id: NodeId, peers: readonly NodeId[], more: RaftOptions): void => {
      const host = new Host(id, peers, { ...options, seed, ...more }, world);
      this.#hosts.set(id, host);
      this.#checks.began(host.node.status());
    };
    for (const id of founders) start(id, founders, {});
    const storage = { ...emptyStorage, snapshot: joiningSnapshot };
    for (const id of joiners) start(id, [], { storage });
  }

  get hosts(): readonly Host[] {
    return [...this.#hosts.values()];
  }

  /** One event, whatever it is. */
  step(): void {
    const host = this.#pick(this.hosts);
    if (host === undefined) return;
    if (!host.isUp) {
      if (this.#random.below(8) === 0) host.restart();
      return;
    }
    try {
      this.#act(host);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.seen.add(error.code);
    }
    this.#look(host);
  }

  /** Who led, was excluded and went is thrown away, if nothing was changed since: it is needed no more. */
  throwAwayTheRetired(): void {
    const running = this.hosts.filter(({ isUp }) => isUp);
    const newest = Math.max(...running.map(({ node }) => node.confIndex));
    for (const { id, node } of running) {
      if (node.status().stepDownReason !== "removed") continue;
      if (node.confIndex < newest || isMember(node.confState, id)) continue;
      this.#hosts.delete(id);
      this.seen.add("thrown away");
    }
  }

  /** Everyone is up and hears the others: `count` ticks, with everything done in between. */
  calm(count: number): void {
    this.#away = new Set();
    for (const host of this.hosts) if (!host.isUp) host.restart();
    for (let tick = 0; tick < count; tick++) {
      for (const { node } of this.hosts) node.tick();
      this.#settle(100);
    }
  }

  /** All who are up do all that they have to do, and hear all that is said, for `roundsMax` rounds. */
  #settle(roundsMax: number): void {
    for (let round = 0; round < roundsMax; round++) {
      for (const host of this.hosts) {
        if (!host.isUp) continue;
        if (this.#slow.has(host.id) && this.#random.below(4) > 0) {
          host.write();
          continue;
        }
        host.finish();
        while (host.node.hasReady) host.perform(host.look());
      }
      for (const message of this.#unreported.splice(0)) this.#report(message, true);
      const messages = this.#messages;
      if (messages.length === 0) return;
      this.#messages = [];
      for (const message of messages) this.#deliver(message, true);
    }
  }

  #act(host: Host): void {
    const { node } = host;
    switch (this.#pick(this.#deck)) {
      case 0:
        return node.tick();
      case 1:
        // Without it nothing would get anywhere.
        return this.#seldom(3, () => this.#settle(1 + this.#random.below(6)));
      case 2:
        return this.#seldom(20, () => node.campaign());
      case 3:
        return this.#propose(host);
      case 4:
        return this.#change(host);
      case 5:
        return this.#seldom(3, () => void host.takeSnapshot(this.#random.below(4)));
      case 6:
        return this.#seldom(10, () => void node.transferLeadership(this.#someone()));
      case 7:
        return this.#seldom(40, () =>
          this.#random.below(2) === 0 ? node.stepDown() : node.forgetLeader(),
        );
      case 8:
        return this.#seldom(30, () =>
          this.#random.below(2) === 0 ? host.crash() : host.losePower(),
        );
      case 9:
        return this.#seldom(8, () => this.#part());
      case 10:
        return void node.readIndex();
      case 11:
        host.look();
        return;
      case 12:
        host.accept();
        return;
      case 13:
        return host.persistSome(this.#random);
      case 14:
        return this.#seldom(this.#slow.has(host.id) ? 20 : 1, () => host.applySome(this.#random));
      default:
        return this.#receive();
    }
  }

  #seldom(chance: number, act: () => void): void {
    if (this.#random.below(chance) === 0) act();
  }

  /** Some are cut off from the others, or nobody is any more. */
  #part(): void {
    const away = this.hosts.filter(() => this.#random.below(2) === 0).map(({ id }) => id);
    this.#away = new Set(this.#random.below(3) === 0 ? [] : away);
    for (const host of this.hosts) if (host.isUp) host.node.reportUnreachable(this.#someone());
  }

  #propose({ node }: Host): void {
    this.#commandCount += 1;
    node.propose(Uint8Array.of(this.#commandCount % 256, Math.floor(this.#commandCount / 256)));
  }

  #change({ node }: Host): void {
    const kinds: readonly MemberChange["kind"][] = ["add-voter", "add-learner", "remove"];
    const transitions: readonly Transition[] = ["auto", "auto", "implicit", "explicit"];
    const changes = Array.from({ length: this.#random.below(4) }, () => {
      return { kind: this.#pick(kinds) ?? "remove", id: this.#someone() };
    });
    node.proposeChange(newConfChange(changes, this.#pick(transitions)));
    this.seen.add(`change of ${changes.length}`);
  }

  /** Any message that was sent, in any order; some are lost, and some arrive twice. */
  #receive(): void {
    const offset = this.#random.below(this.#messages.length + 1);
    const message = this.#messages[offset];
    if (message === undefined) return;
    if (this.#random.below(6) > 0) this.#messages.splice(offset, 1);
    if (this.#random.below(8) > 0) this.#deliver(message, this.#random.below(2) === 0);
    else this.#report(message, false);
    // What is very old by now is of no interest.
    if (this.#messages.length < 200) return;
    for (const old of this.#messages.splice(0, 100)) this.#report(old, false);
  }

  #deliver(message: Message, reports: boolean): void {
    const host = this.#hosts.get(message.to);
    const isCut = this.#away.has(message.from) !== this.#away.has(message.to);
    if (host === undefined || !host.isUp || isCut) {
      this.#report(message, false);
      return;
    }
    this.seen.add(message.kind);
    if (this.#random.below(16) === 0) rehearse(host.node, message);
    try {
      if (message.kind === "install-snapshot") host.receive(message.snapshot);
      host.node.step(message);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      // These would mean that a node sent what no correct node sends.
      if (["invalid_message", "log_lost", "stranger"].includes(error.code)) throw error;
    }
    this.#look(host);
    if (reports) this.#report(message, true);
    else if (message.kind === "install-snapshot") this.#unreported.push(message);
  }

  #report({ kind, from, to }: Message, ok: boolean): void {
    const sender = this.#hosts.get(from);
    if (kind === "install-snapshot" && sender?.isUp === true) sender.node.reportSnapshot(to, ok);
  }

  #look(host: Host): void {
    if (!host.isUp) return;
    host.check();
    const { node } = host;
    const status = node.status();
    if (status.stepDownReason !== undefined) this.seen.add(status.stepDownReason);
    if (status.confState.votersOutgoing.length > 0) this.seen.add("joint");
    if (isMember(status.confState, 4)) this.seen.add("joined");
    const entries = node.entries(status.firstIndex, node.lastIndex);
    const disks = this.hosts.map(({ id, storage }) => [id, storage] as const);
    this.#checks.look({ status, entries }, new Map(disks));
  }

  #someone(): NodeId {
    return 1 + this.#random.below(this.#hosts.size);
  }

  #pick<T>(values: readonly T[]): T | undefined {
    return values[this.#random.below(values.length)];
  }

  /** The one who leads, if there is one in the newest term. */
  get leader(): Host | undefined {
    const leaders = this.hosts.filter((host) => host.isUp && host.node.role === "leader");
    return leaders.toSorted((a, b) => b.node.term - a.node.term)[0];
  }

  /** What is not as it must be in the end; undefined if all is well. */
  get unrest(): string | undefined {
    if (this.hosts.some(({ isUp }) => !isUp)) return "somebody is down";
    const { leader } = this;
    if (leader === undefined) return "nobody leads";
    const { confState, last, term, transferTarget } = leader.node.status();
    if (transferTarget !== none) return `node ${leader.id} hands over`;
    if (confState.autoLeave) return `node ${leader.id} does not leave its joint configuration`;
    const { voters, votersOutgoing } = confState;
    const votes = voters.includes(leader.id) || votersOutgoing.includes(leader.id);
    if (!votes) return `node ${leader.id} leads, excluded`;
    for (const { id, node } of this.hosts) {
      if (!isMember(confState, id)) continue;
      const status = node.status();
      if (node.leader === none || node.term !== term) return `node ${id} does not follow`;
      if (status.appliedIndex !== last.index) return `node ${id} is at ${status.appliedIndex}`;
    }
    return undefined;
  }
}

/** Lets copies of a node go through what lies ahead of it: they agree, and it does not notice. */
function rehearse(node: RaftNode, message: Message): void {
  const before = node.fingerprint();
  const [first, second] = [node.copy(), node.copy()].map((copy) => {
    try {
      copy.step(message);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
    }
    const ready = copy.ready();
    copy.accept(ready);
    copy.tick();
    copy.stepDown();
    copy.campaign();
    return copy.fingerprint();
  });
  if (first !== second) throw new Error(`copies of node ${node.id} differ`);
  if (node.fingerprint() !== before) throw new Error(`node ${node.id} changed with its copy`);
}
