import { at } from "@quorate/core";
import type { TlaEvent, TlaEventName, TlaMessage, TlaRole } from "../src/tla/tla-event.ts";

/**
 * The rules of the trace specification, told a second time: what must be true before an event, and what is
 * true after it. It knows nothing of our code: it has its own logs, votes and messages, made by the events
 * alone. Membership changes and snapshots are not among the rules.
 */

/** An event that the rules do not allow. */
export class RuleBroken extends Error {
  override readonly name = "RuleBroken";
}

interface Durable {
  readonly term: number;
  readonly vote: string;
  readonly last: number;
  readonly commit: number;
}

/** What the specification knows of one server. */
interface Server {
  readonly id: string;
  term: number;
  vote: string;
  role: TlaRole;
  /** The term of each entry. */
  log: number[];
  commit: number;
  voters: readonly string[];
  votes: Set<string>;
  match: Map<string, number>;
  durable: Durable;
  /** What it wants to send, until its next Ready. */
  pending: Mail[];
  isBooting: boolean;
  last: TlaEvent | undefined;
}

/** A message as the specification has it: with the terms of its entries, which the trace does not tell. */
interface Mail {
  readonly message: TlaMessage;
  readonly terms: readonly number[];
}

const bootNames: ReadonlySet<TlaEventName> = new Set([
  "InitState",
  "BecomeFollower",
  "ApplyConfChange",
]);

/** Takes the events of a trace, one by one, and throws `RuleBroken` for the first that may not be. */
export class TlaRules {
  readonly #servers = new Map<string, Server>();
  readonly #network: Mail[] = [];

  take(event: TlaEvent): void {
    const server = this.#server(event);
    if (server.isBooting && bootNames.has(event.name)) boot(server, event);
    else {
      server.isBooting = false;
      this.#act(server, event);
    }
    server.last = event;
  }

  #server({ nid, role }: TlaEvent): Server {
    const known = this.#servers.get(nid);
    if (known !== undefined) return known;
    const server: Server = {
      id: nid,
      term: 0,
      vote: "0",
      role,
      log: [],
      commit: 0,
      voters: [],
      votes: new Set(),
      match: new Map(),
      durable: { term: 0, vote: "0", last: 0, commit: 0 },
      pending: [],
      isBooting: true,
      last: undefined,
    };
    this.#servers.set(nid, server);
    return server;
  }

  #act(server: Server, event: TlaEvent): void {
    switch (event.name) {
      case "InitState":
        restart(server);
        return mustMatch(server, event);
      case "BecomeFollower":
        if (isToldTwice(server, event)) return;
        demand(server.role !== "StateFollower", "only a candidate or leader steps down", event);
        server.role = "StateFollower";
        return mustMatch(server, event);
      case "BecomeCandidate":
        demand(server.role !== "StateLeader", "a leader does not campaign", event);
        server.role = "StateCandidate";
        server.term += 1;
        server.vote = server.id;
        server.votes = new Set();
        return mustMatch(server, event);
      case "BecomeLeader":
        demand(server.role === "StateCandidate", "only a candidate wins", event);
        demand(isMajority(server.votes.size, server), "a leader has a majority", event);
        server.role = "StateLeader";
        server.match = new Map([[server.id, server.log.length]]);
        return mustMatch(server, event);
      case "Replicate":
        demand(server.role === "StateLeader", "only a leader appends", event);
        server.log.push(server.term);
        return undefined;
      case "Commit":
        demand(server.role === "StateLeader", "only a leader commits", event);
        server.commit = Math.max(server.commit, agreedIndex(server));
        return mustMatch(server, event);
      case "ApplyConfChange":
        throw new RuleBroken("the configuration changes");
      case "Ready":
        server.durable = durableOf(server);
        this.#network.push(...server.pending.splice(0));
        return undefined;
      default:
        this.#onMessage(server, event, messageOf(event));
        return undefined;
    }
  }

  #onMessage(server: Server, event: TlaEvent, message: TlaMessage): void {
    if (event.name.startsWith("Receive")) {
      demand(message.to === server.id, "a message is received by whom it is for", event);
      mustMatch(server, event);
      this.#receive(server, event, message);
      return;
    }
    demand(message.from === server.id, "a message is sent by whom it is from", event);
    const isAnswer = message.type.endsWith("Resp");
    // Answers follow from what is received: only those to oneself are news.
    if (isAnswer && message.to !== server.id) return;
    const { made, terms } = make(server, event, message);
    demand(JSON.stringify(made) === JSON.stringify(meaning(message)), explain(made), event);
    server.pending.push({ message, terms });
    mustMatch(server, event);
  }

  #receive(server: Server, event: TlaEvent, message: TlaMessage): void {
    const key = JSON.stringify(meaning(message));
    const offset = this.#network.findIndex((mail) => JSON.stringify(meaning(mail.message)) === key);
    demand(offset >= 0, "what is received was sent", event);
    const mail = at(this.#network.splice(offset, 1), 0);
    if (message.term > server.term) {
      server.term = message.term;
      server.vote = "0";
      server.role = "StateFollower";
    }
    switch (message.type) {
      case "MsgVote":
        answerVote(server, message);
        break;
      case "MsgVoteResp":
        if (message.term === server.term && !message.reject) server.votes.add(message.from);
        break;
      case "MsgApp":
      case "MsgHeartbeat":
        answerAppend(server, mail, event);
        break;
      case "MsgAppResp":
      case "MsgHeartbeatResp":
        if (message.term === server.term && !message.reject) {
          const index = message.type === "MsgAppResp" ? message.index : 0;
          server.match.set(message.from, Math.max(server.match.get(message.from) ?? 0, index));
        }
        break;
    }
  }
}

function boot(server: Server, { state, role, log, conf, prop }: TlaEvent): void {
  server.term = state.term;
  server.vote = state.vote;
  server.role = role;
  server.log = Array.from({ length: log }, () => 1);
  server.commit = state.commit;
  server.voters = prop?.cc.newconf ?? conf[0];
  server.durable = durableOf(server);
}

function restart(server: Server): void {
  const { term, vote, last, commit } = server.durable;
  server.term = term;
  server.vote = vote;
  server.role = "StateFollower";
  server.log = server.log.slice(0, last);
  server.commit = commit;
  server.votes = new Set();
  server.match = new Map();
  server.pending = [];
}

function durableOf({ term, vote, log, commit }: Server): Durable {
  return { term, vote, last: log.length, commit };
}

/** Whether the receipt before it said already that the node follows. */
function isToldTwice({ last }: Server, { state }: TlaEvent): boolean {
  const message = last?.message;
  if (last === undefined || message === undefined || !last.name.startsWith("Receive")) return false;
  if (message.term !== state.term) return false;
  if (last.state.term < message.term) return true;
  return last.name === "ReceiveAppendEntriesRequest" && last.role === "StateCandidate";
}

function mustMatch(server: Server, event: TlaEvent): void {
  const { term, vote, commit, role, log, voters } = server;
  const own = [term, vote, commit, role, log.length, [voters, []]];
  const { state, conf } = event;
  const told = [state.term, state.vote, state.commit, event.role, event.log, conf];
  demand(JSON.stringify(own) === JSON.stringify(told), `node ${server.id} is ${own.join()}`, event);
}

function isMajority(count: number, { voters }: Server): boolean {
  return count * 2 > voters.length;
}

/** What a majority holds, if the leader may count it. */
function agreedIndex(server: Server): number {
  const { voters, match, log, term, commit } = server;
  let agreed = 0;
  for (let index = 1; index <= log.length; index++) {
    const holders = voters.filter((id) => (match.get(id) ?? 0) >= index);
    if (isMajority(holders.length, server)) agreed = index;
  }
  return agreed > 0 && log[agreed - 1] === term ? agreed : commit;
}

/** The message that a server can make now, of the kind and extent of `message`. */
function make(
  server: Server,
  event: TlaEvent,
  message: TlaMessage,
): { readonly made: object; readonly terms: readonly number[] } {
  const { log, term, commit, match } = server;
  const envelope = { type: message.type, from: server.id, to: message.to, term };
  const lastTerm = log.at(-1) ?? 0;
  const known =
    server.voters.includes(message.to) &&
    (message.to !== server.id || message.type.endsWith("Resp"));
  demand(known, "a message is for another voter", event);
  switch (message.type) {
    case "MsgVote":
      demand(server.role === "StateCandidate", "only a candidate asks for votes", event);
      return { made: { ...envelope, index: log.length, logTerm: lastTerm }, terms: [] };
    case "MsgVoteResp":
      demand(server.role === "StateCandidate", "only a candidate votes for itself so", event);
      return { made: { ...envelope, reject: false }, terms: [] };
    case "MsgHeartbeat": {
      demand(server.role === "StateLeader", "only a leader sends heartbeats", event);
      const known = Math.min(commit, match.get(message.to) ?? 0);
      return { made: { ...envelope, commit: known }, terms: [] };
    }
    case "MsgApp": {
      demand(server.role === "StateLeader", "only a leader sends entries", event);
      demand(message.index >= (match.get(message.to) ?? 0), "nothing is sent that is there", event);
      const terms = log.slice(message.index, message.index + message.entries);
      const fields = {
        entries: terms.length,
        index: message.index,
        logTerm: log[message.index - 1] ?? 0,
        commit: Math.min(commit, message.index + terms.length),
      };
      return { made: { ...envelope, ...fields }, terms };
    }
    case "MsgAppResp":
    case "MsgHeartbeatResp":
      demand(server.role === "StateLeader", "only a leader answers itself", event);
      return { made: { ...envelope, reject: false, index: log.length }, terms: [] };
  }
}

/** The fields of a message that the specification looks at. */
function meaning(message: TlaMessage): object {
  const { type, from, to, term, index, logTerm, entries, commit, reject } = message;
  const envelope = { type, from, to, term };
  switch (type) {
    case "MsgVote":
      return { ...envelope, index, logTerm };
    case "MsgHeartbeat":
      return { ...envelope, commit };
    case "MsgApp":
      return { ...envelope, entries, index, logTerm, commit };
    case "MsgAppResp":
      return reject ? { ...envelope, reject } : { ...envelope, reject, index };
    default:
      return { ...envelope, reject };
  }
}

function answer(server: Server, to: string, fields: Partial<TlaMessage>): void {
  const message: TlaMessage = {
    type: "MsgAppResp",
    term: server.term,
    from: server.id,
    to,
    entries: 0,
    logTerm: 0,
    index: 0,
    commit: 0,
    vote: "0",
    reject: false,
    rejectHint: 0,
    ...fields,
  };
  server.pending.push({ message, terms: [] });
}

function answerVote(server: Server, message: TlaMessage): void {
  const { log, term, vote } = server;
  const lastTerm = log.at(-1) ?? 0;
  const isNewer = message.logTerm > lastTerm;
  const isUpToDate = isNewer || (message.logTerm === lastTerm && message.index >= log.length);
  const isGranted = message.term === term && isUpToDate && (vote === "0" || vote === message.from);
  if (isGranted) server.vote = message.from;
  answer(server, message.from, { type: "MsgVoteResp", reject: !isGranted });
}

function answerAppend(server: Server, { message, terms }: Mail, event: TlaEvent): void {
  if (message.term < server.term) {
    answer(server, message.from, { reject: true });
    return;
  }
  demand(server.role !== "StateLeader", "a leader hears no other of its term", event);
  server.role = "StateFollower";
  if (message.type === "MsgHeartbeat") {
    const room = server.commit === 0 ? 0 : message.commit;
    server.commit = Math.max(server.commit, room);
    answer(server, message.from, { type: "MsgHeartbeatResp" });
    return;
  }
  if (message.index > 0 && server.log[message.index - 1] !== message.logTerm) {
    answer(server, message.from, { reject: true });
    return;
  }
  if (message.index < server.commit) {
    answer(server, message.from, { index: server.commit });
    return;
  }
  merge(server.log, message.index, terms);
  const end = message.index + terms.length;
  server.commit = Math.max(server.commit, Math.min(message.commit, end));
  answer(server, message.from, { index: end });
}

/** Removes what conflicts, from the end, and adds what is missing. */
function merge(log: number[], prev: number, terms: readonly number[]): void {
  const conflict = terms.findIndex((term, offset) => (log[prev + offset] ?? term) !== term);
  if (conflict >= 0) log.length = prev + conflict;
  for (let index = log.length; index < prev + terms.length; index++) {
    log.push(at(terms, index - prev));
  }
}

function messageOf(event: TlaEvent): TlaMessage {
  if (event.message === undefined) throw new RuleBroken(`${event.name} is about a message`);
  return event.message;
}

function explain(made: object): string {
  return `the message can only be ${JSON.stringify(made)}`;
}

function demand(condition: boolean, rule: string, event: TlaEvent): asserts condition {
  if (!condition) throw new RuleBroken(`${rule}: ${JSON.stringify(event)}`);
}
