import {
  none,
  type LogIndex,
  type MemberOrNew,
  type MemberWish,
  type NewMember,
  type NodeId,
} from "quorate";
import { ApiError } from "./api-error.ts";
import { adminTimeoutMsMax } from "./http-request.ts";
import { JsonFields } from "./json-fields.ts";

/** What the body of `POST /v1/members` asks for. */
export interface ChangeRequest {
  readonly wish: MemberWish;
  /** The configuration that the change is for; undefined: whatever it is. */
  readonly ifIndex: LogIndex | undefined;
  /** Whether to say what would be done, and do nothing. */
  readonly dryRun: boolean;
  readonly timeoutMs: number | undefined;
}

/** What the body of `POST /v1/leader` asks for. */
export interface TransferRequest {
  /** Who is to lead; undefined: whoever is furthest. */
  readonly to: NodeId | undefined;
  readonly timeoutMs: number | undefined;
}

/** Reads a change of members. Throws `invalid_argument`. */
export function decodeChange(bytes: Uint8Array): ChangeRequest {
  const body = JsonFields.parse(bytes);
  const ifIndex = body.integer("ifIndex", none);
  const dryRun = body.boolean("dryRun") ?? false;
  const timeoutMs = timeoutMsIn(body);
  const wish = decodeWish(body);
  body.finish();
  return { wish, ifIndex, dryRun, timeoutMs };
}

/** Reads a transfer of leadership. Throws `invalid_argument`. */
export function decodeTransfer(bytes: Uint8Array): TransferRequest {
  const body = JsonFields.parse(bytes);
  const to = body.integer("to", 1);
  const timeoutMs = timeoutMsIn(body);
  body.finish();
  return { to, timeoutMs };
}

/** Reads the body of a request for a snapshot, which says at most how long that may take. */
export function decodeSnapshotRequest(bytes: Uint8Array): {
  readonly timeoutMs: number | undefined;
} {
  const body = JsonFields.parse(bytes);
  const timeoutMs = timeoutMsIn(body);
  body.finish();
  return { timeoutMs };
}

/** Reads the fields of a wish, as `MemberWish` has them; the replica judges their values. */
function decodeWish(body: JsonFields): MemberWish {
  const kind = body.require("kind", body.text("kind"));
  const ownId = (): NodeId => body.require("id", body.integer("id", 1));
  switch (kind) {
    case "add":
      return { kind, as: roleIn(body), ...decodeNewMember(body) };
    case "remove":
    case "promote":
    case "demote":
      return { kind, id: ownId() };
    case "replace": {
      const id = ownId();
      const by = body.require("by", body.object("by"));
      const member = decodeNewMember(by);
      by.finish();
      return { kind, id, by: member };
    }
    case "set":
      return {
        kind,
        voters: body.require("voters", membersIn(body, "voters")),
        learners: membersIn(body, "learners"),
      };
    case "update":
      return {
        kind,
        id: ownId(),
        address: body.text("address"),
        priority: body.integer("priority", 0),
      };
    default:
      throw new ApiError(
        "invalid_argument",
        `kind is "${kind}", must be one of ${kinds.join(", ")}`,
      );
  }
}

const kinds: readonly MemberWish["kind"][] = [
  "add",
  "remove",
  "promote",
  "demote",
  "replace",
  "set",
  "update",
];

function roleIn(body: JsonFields): "voter" | "learner" | undefined {
  const role = body.text("as");
  if (role === undefined || role === "voter" || role === "learner") return role;
  throw new ApiError("invalid_argument", `as is "${role}", must be voter or learner`);
}

function decodeNewMember(fields: JsonFields): NewMember {
  return {
    id: fields.require("id", fields.integer("id", 1)),
    address: fields.require("address", fields.text("address")),
    priority: fields.integer("priority", 0),
  };
}

function membersIn(body: JsonFields, name: string): readonly MemberOrNew[] | undefined {
  return body.list(name)?.map(({ value, path }): MemberOrNew => {
    if (typeof value === "number") return value;
    const fields = JsonFields.of(value, path);
    const member = decodeNewMember(fields);
    fields.finish();
    return member;
  });
}

function timeoutMsIn(body: JsonFields): number | undefined {
  const timeoutMs = body.integer("timeoutMs", 1);
  if (timeoutMs === undefined || timeoutMs <= adminTimeoutMsMax) return timeoutMs;
  throw new ApiError("invalid_argument", `timeoutMs must be at most ${adminTimeoutMsMax}`);
}
