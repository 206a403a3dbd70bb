import {
  type ConfChange,
  type MemberChange,
  newConfChange,
  type NodeId,
  type Transition,
} from "@quorate/core";
import type { Words } from "./words.ts";

/** How changes of the configuration are written in scenarios: `auto +n4 ~n2 -n3`; `auto` alone leaves. */

const marks: Readonly<Record<MemberChange["kind"], string>> = {
  "add-voter": "+",
  "add-learner": "~",
  remove: "-",
};

const transitions: readonly Transition[] = ["auto", "implicit", "explicit"];

/** A change as text. Its context is not told. */
export function changeText({ transition, changes }: ConfChange): string {
  return [transition, ...changes.map(({ kind, id }) => `${marks[kind]}n${id}`)].join(" ");
}

/** Reads what `changeText` writes; `known` checks an id. */
export function parseChange(words: Words, known: (id: NodeId) => NodeId): ConfChange {
  const transition = words.oneOf(transitions);
  const changes: MemberChange[] = [];
  for (let member = words.marked("+~-"); member !== undefined; member = words.marked("+~-")) {
    const id = known(member.id);
    const kind = member.mark === "+" ? "add-voter" : member.mark === "~" ? "add-learner" : "remove";
    changes.push({ kind, id });
  }
  return newConfChange(changes, transition);
}
