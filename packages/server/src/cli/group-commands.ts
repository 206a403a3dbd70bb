import { Option, type Command } from "commander";
import { adminTimeoutMsMax } from "../http-request.ts";
import type { MemberOrNew, MemberWish, NodeId } from "quorate";
import {
  parseCluster,
  parseMembers,
  parseNodeId,
  parsePeerAddress,
  repeatedMember,
} from "./addresses.ts";
import { CommandError, exitStatus } from "./exit-status.ts";
import { forgetLeaderHelp, memberHelp, restoreHelp } from "./help.ts";
import { withClient, type ClientSettings } from "./key-value-commands.ts";
import { memberChangeCommand, memberListCommand, type ChangeSettings } from "./member-command.ts";
import { checked, client, clientOfOne, integer, type ClientOfOneSettings } from "./options.ts";
import {
  snapshotInspectCommand,
  snapshotRestoreCommand,
  snapshotSaveCommand,
  type RestoreSettings,
} from "./snapshot-command.ts";

/** Takes the exit status of the command that was carried out. */
export type Done = (status: number) => void;

const priorityMax = 1000;
const changeTimeoutMs = { usual: 60_000, most: adminTimeoutMsMax };
const transferTimeoutMs = { usual: 10_000, most: adminTimeoutMsMax };

/** Adds the commands about who is in the group. */
export function addMember(program: Command, done: Done): void {
  const member = program
    .command("member")
    .description("list the members of the group, or change them while it works")
    .addHelpText("after", memberHelp);
  client(member.command("list"), transferTimeoutMs)
    .description("show who is in the group")
    .option("--json", "as JSON", false)
    .action(async (settings: ClientSettings & { readonly json: boolean }) =>
      done(await memberListCommand(settings)),
    );
  addAdd(member, done);
  addById(member, done);
  addReplace(member, done);
  addSet(member, done);
  addUpdate(member, done);
}

interface AddSettings extends ChangeSettings {
  readonly learner: boolean;
  readonly priority?: number;
}

function addAdd(member: Command, done: Done): void {
  change(member.command("add"))
    .description("add a node, which is started with serve --join")
    .argument("<id>", "an id that no node of the group ever had", checked(parseNodeId))
    .argument("<host:port>", "where the others reach it", checked(parsePeerAddress))
    .option("--learner", "let it learn only, and not vote", false)
    .addOption(priorityOption())
    .action(async (id: NodeId, address: string, settings: AddSettings) => {
      const { learner, priority } = settings;
      const as = learner ? "learner" : "voter";
      done(await memberChangeCommand({ kind: "add", id, address, as, priority }, settings));
    });
}

function addById(member: Command, done: Done): void {
  for (const [kind, description] of [
    ["remove", "remove a node, for good: its id is never given again"],
    ["promote", "let a learner vote, once it has caught up"],
    ["demote", "let a voter only learn"],
  ] as const) {
    change(member.command(kind))
      .description(description)
      .argument("<id>", "the member", checked(parseNodeId))
      .action(async (id: NodeId, settings: ChangeSettings) =>
        done(await memberChangeCommand({ kind, id }, settings)),
      );
  }
}

function addReplace(member: Command, done: Done): void {
  change(member.command("replace"))
    .description("put a new node into the place of one that lost its disk or machine")
    .argument("<id>", "the member that goes", checked(parseNodeId))
    .argument("<new-id>", "an id that no node of the group ever had", checked(parseNodeId))
    .argument("<host:port>", "where the others reach the new node", checked(parsePeerAddress))
    .addOption(priorityOption())
    .action(
      async (
        id: NodeId,
        newId: NodeId,
        address: string,
        settings: ChangeSettings & { readonly priority?: number },
      ) => {
        const by = { id: newId, address, priority: settings.priority };
        done(await memberChangeCommand({ kind: "replace", id, by }, settings));
      },
    );
}

function addSet(member: Command, done: Done): void {
  change(member.command("set"))
    .description("make these the voters and learners, and remove all others")
    .argument("<id[=host:port],...>", "the voters; new ones with address", checked(parseMembers))
    .option("--learners <id[=host:port],...>", "the learners", checked(parseMembers))
    .action(
      async (
        voters: readonly MemberOrNew[],
        settings: ChangeSettings & { readonly learners?: readonly MemberOrNew[] },
      ) => {
        const { learners } = settings;
        const both = repeatedMember([...voters, ...(learners ?? [])]);
        if (both !== undefined) throw new CommandError(`node ${both} cannot both vote and learn`);
        done(await memberChangeCommand({ kind: "set", voters, learners }, settings));
      },
    );
}

function addUpdate(member: Command, done: Done): void {
  change(member.command("update"))
    .description("give a member another address or priority")
    .argument("<id>", "the member", checked(parseNodeId))
    .option("--address <host:port>", "where the others reach it", checked(parsePeerAddress))
    .addOption(priorityOption())
    .action(
      async (
        id: NodeId,
        settings: ChangeSettings & { readonly address?: string; readonly priority?: number },
      ) => {
        const { address, priority } = settings;
        if (address === undefined && priority === undefined) {
          throw new CommandError("give --address, --priority or both");
        }
        const wish: MemberWish = { kind: "update", id, address, priority };
        done(await memberChangeCommand(wish, settings));
      },
    );
}

/** Adds what all commands have in common that change members. */
function change(command: Command): Command {
  return client(command, changeTimeoutMs)
    .option("--dry-run", "print the steps and what each tolerates, and change nothing", false)
    .option(
      "--if-index <index>",
      "only if the configuration is still that of this index",
      integer(0, Number.MAX_SAFE_INTEGER),
    )
    .option("--json", "as JSON", false);
}

/** The option that says how much a node should rather lead than others. */
export function priorityOption(): Option {
  return new Option(
    "--priority <number>",
    `how much it should rather lead than others, 0 to ${priorityMax}`,
  ).argParser(integer(0, priorityMax));
}

/** Adds the command that hands leadership over. */
export function addTransfer(program: Command, done: Done): void {
  client(program.command("transfer"), transferTimeoutMs)
    .description("hand leadership over, to one node or to the one that is furthest")
    .argument("[id]", "the voter that is to lead", checked(parseNodeId))
    .action(async (to: NodeId | undefined, settings: ClientSettings) => {
      const leader = await withClient(settings, (c) => c.transferLeadership(to));
      process.stdout.write(`node ${leader} leads\n`);
      done(exitStatus.ok);
    });
}

/** Adds the command that makes one node forget its leader. */
export function addForgetLeader(program: Command, done: Done): void {
  clientOfOne(program.command("forget-leader"), transferTimeoutMs)
    .description("make one node forget whom it follows, for who knows that the leader is gone")
    .addHelpText("after", forgetLeaderHelp)
    .action(async (given: ClientOfOneSettings) => {
      const endpoint = given.endpoints;
      const settings = { ...given, endpoints: [endpoint] };
      const forgotten = await withClient(settings, (c) => c.forgetLeader(endpoint));
      process.stdout.write(`${endpoint} forgot node ${forgotten}\n`);
      done(exitStatus.ok);
    });
}

/** Adds the commands about snapshots. */
export function addSnapshot(program: Command, done: Done): void {
  const snapshot = program
    .command("snapshot")
    .description("save the state of the group, look at what was saved, begin a new group from it");
  client(snapshot.command("save"), changeTimeoutMs)
    .description("let a node take a snapshot now, and copy it")
    .argument("[file]", "where to; without it the node keeps it, and its log forgets its past")
    .action(async (path: string | undefined, settings: ClientSettings) =>
      done(await snapshotSaveCommand(path, settings)),
    );
  snapshot
    .command("inspect")
    .description("say what a snapshot is of, and whether it is whole; changes nothing")
    .argument("<path>", "a file, or the data directory of a node, running or not")
    .option("--json", "as JSON", false)
    .action(async (path: string, settings: { readonly json: boolean }) =>
      done(await snapshotInspectCommand(path, settings)),
    );
  snapshot
    .command("restore")
    .description("make the data directory of a node of a new group, which begins with a snapshot")
    .argument("<path>", "a file, or the data directory of a node")
    .requiredOption("--id <id>", "the node", checked(parseNodeId))
    .requiredOption(
      "--cluster <id=host:port,...>",
      "all nodes of the new group; the same for each",
      checked(parseCluster),
    )
    .requiredOption("--data-dir <dir>", "the directory; it must be missing or empty")
    .option(
      "--cluster-id <name>",
      "names the new group; by default, one that follows from all this",
    )
    .addHelpText("after", restoreHelp)
    .action(async (path: string, settings: RestoreSettings) =>
      done(await snapshotRestoreCommand(path, settings)),
    );
}
