import type { NodeId } from "@quorate/core";
import type { MemberOrNew, MemberWish, MembersView } from "@quorate/runtime";

/** Where a simulated node says that it is reached. Nobody looks there: it is found by its id. */
export function addressOf(id: NodeId): string {
  return `n${id}`;
}

/**
 * The wish in a text: `add:11`, `learn:11` (add as a learner), `remove:2`, `promote:11`, `demote:2`,
 * `replace:2:11`, `set:1,2,11` or `set:1,2/11` with learners behind the slash, `prefer:2:5` (a priority).
 * Throws `SyntaxError`.
 */
export function wishIn(text: string): MemberWish {
  const [kind = "", first = "", second = ""] = text.split(":");
  const id = (word: string): NodeId => {
    const value = Number(word);
    if (word === "" || !Number.isSafeInteger(value)) throw unknown(text);
    return value;
  };
  switch (kind) {
    case "add":
      return { kind, id: id(first), address: addressOf(id(first)) };
    case "learn":
      return { kind: "add", id: id(first), address: addressOf(id(first)), as: "learner" };
    case "remove":
    case "promote":
    case "demote":
      return { kind, id: id(first) };
    case "replace":
      return { kind, id: id(first), by: { id: id(second), address: addressOf(id(second)) } };
    case "set": {
      const [voters = "", learners = ""] = first.split("/");
      const members = (list: string): readonly MemberOrNew[] =>
        list === ""
          ? []
          : list.split(",").map((word) => ({ id: id(word), address: addressOf(id(word)) }));
      return { kind, voters: members(voters), learners: members(learners) };
    }
    case "prefer":
      return { kind: "update", id: id(first), priority: id(second) };
    default:
      throw unknown(text);
  }
}

function unknown(text: string): SyntaxError {
  return new SyntaxError(`nobody wishes for "${text}"`);
}

/** What `wish` would do to members, if it were granted whole or in part. */
export interface Reach {
  /** Those who may become members. */
  readonly added: readonly NodeId[];
  /** Those who may be removed; undefined if that may be anybody but the named. */
  readonly removes: (id: NodeId) => boolean;
}

/** Whom a wish may add or remove. */
export function reachOf(wish: MemberWish): Reach {
  switch (wish.kind) {
    case "add":
      return { added: [wish.id], removes: () => false };
    case "remove":
      return { added: [], removes: (id) => id === wish.id };
    case "replace":
      return { added: [wish.by.id], removes: (id) => id === wish.id };
    case "set": {
      const named = [...wish.voters, ...(wish.learners ?? [])].map(idOf);
      return { added: named, removes: (id) => !named.includes(id) };
    }
    default:
      return { added: [], removes: () => false };
  }
}

/** What is missing in `view` for `wish` to be granted, or undefined. */
export function missingIn(view: MembersView, wish: MemberWish): string | undefined {
  const { confState, removed, members } = view;
  const [voters, learners] = [new Set(confState.voters), new Set(confState.learners)];
  const demand = (holds: boolean, what: string): string | undefined => (holds ? undefined : what);
  switch (wish.kind) {
    case "add":
      return demand(
        (wish.as === "learner" ? learners : voters).has(wish.id),
        `node ${wish.id} is no ${wish.as ?? "voter"}`,
      );
    case "promote":
      return demand(voters.has(wish.id), `node ${wish.id} is no voter`);
    case "demote":
      return demand(learners.has(wish.id), `node ${wish.id} is no learner`);
    case "remove":
      return demand(removed.includes(wish.id), `node ${wish.id} is not removed`);
    case "replace":
      return demand(
        removed.includes(wish.id) && (voters.has(wish.by.id) || learners.has(wish.by.id)),
        `node ${wish.by.id} is not in the place of ${wish.id}`,
      );
    case "set":
      return demand(
        sameIds(voters, wish.voters.map(idOf)) && sameIds(learners, wish.learners?.map(idOf) ?? []),
        "the members are others",
      );
    case "update":
      return demand(
        members.find(({ id }) => id === wish.id)?.priority === wish.priority,
        `node ${wish.id} has another priority`,
      );
  }
}

function idOf(member: MemberOrNew): NodeId {
  return typeof member === "number" ? member : member.id;
}

function sameIds(ids: ReadonlySet<NodeId>, others: readonly NodeId[]): boolean {
  return ids.size === others.length && others.every((id) => ids.has(id));
}
