import { membersOf, type NodeId } from "@quorate/core";
import type { Member, MemberTable } from "@quorate/wire";
import { applyMembersDelta, type Membership, memberOf, newMember } from "./member-table.ts";
import type { Introduction } from "./ports.ts";

/** How many nodes are remembered that said something new of themselves. The oldest go. */
export const newsCountMax = 128;

/** How long after one attempt to record what is new the next may be made, in milliseconds. */
export const recordIntervalMs = 1000;

/**
 * What nodes said of themselves that their group does not know: the log that a new member came with,
 * and where a member is reached that has moved. A leader records it, in one change for all, and not
 * too often; and in the same way lets those go who were removed. Once a log is recorded, it stays: a member
 * that comes with another is not let in.
 */
export class MemberRecorder {
  readonly #news = new Map<NodeId, Introduction>();
  #nextAt = Number.NEGATIVE_INFINITY;

  /** A node said this of itself, perhaps before it is a member. */
  onSeen(node: Introduction): void {
    this.#news.delete(node.id);
    this.#news.set(node.id, node);
    if (this.#news.size <= newsCountMax) return;
    for (const oldest of this.#news.keys()) {
      this.#news.delete(oldest);
      break;
    }
  }

  /** The group knows `after` in the place of `before`: forgets what it knows, or knows better. */
  onChanged(before: Membership, after: Membership): void {
    for (const [id, said] of this.#news) {
      const known = memberOf(after.table, id);
      if (known === undefined) continue;
      const had = memberOf(before.table, id)?.address ?? known.address;
      // An address that was given up meanwhile is not to come back.
      const isOld = had !== known.address && said.address === had;
      const rest = isOld ? { ...said, address: "" } : said;
      if (updated(known, rest) === known) this.#news.delete(id);
      else this.#news.set(id, rest);
    }
  }

  /** Whether there may be something to record at `now`, as far as the time and what was seen say. */
  isDue({ leaving }: MemberTable, now: number): boolean {
    return (this.#news.size > 0 || leaving.length > 0) && now >= this.#nextAt;
  }

  /** It was tried to record something at `now`. */
  onTried(now: number): void {
    this.#nextAt = now + recordIntervalMs;
  }

  /** The table that the group should know; undefined if it knows it, and is not to be asked again soon. */
  take({ confState, table }: Membership, now: number): MemberTable | undefined {
    const set: Member[] = [];
    for (const id of membersOf(confState)) {
      const said = this.#news.get(id);
      if (said === undefined) continue;
      const known = memberOf(table, id) ?? newMember(id, "");
      const member = updated(known, said);
      if (member !== known) set.push(member);
    }
    if (set.length === 0 && table.leaving.length === 0) {
      this.onTried(now);
      return undefined;
    }
    return applyMembersDelta(table, { set, removed: [] });
  }
}

/** What is known of a member that `said` this of itself; `known` itself if that is nothing new. */
function updated(known: Member, said: Introduction): Member {
  const address = said.address === "" ? known.address : said.address;
  if (known.incarnation !== undefined && address === known.address) return known;
  return { ...known, address, incarnation: known.incarnation ?? said.incarnation };
}
