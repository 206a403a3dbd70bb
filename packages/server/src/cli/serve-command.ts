import { Option, type Command } from "commander";
import { parseAddress } from "quorate";
import { parseCluster, parseNodeId, parsePeerAddress } from "./addresses.ts";
import { priorityOption, type Done } from "./group-commands.ts";
import { serveHelp } from "./help.ts";
import { checked, integer, logLevelOption, parseEndpoints } from "./options.ts";
import { addSecurity } from "./serve-security.ts";
import { serve, type ServeOptions } from "./serve.ts";

const mebi = 1024 * 1024;

/** Adds the command that runs one node. */
export function addServe(program: Command, done: Done): void {
  const command = program
    .command("serve")
    .description("run one node")
    .requiredOption("--id <id>", "this node, for the life of its data", checked(parseNodeId))
    .requiredOption(
      "--cluster <id=host:port,...>",
      "the first nodes, and where their peers reach them",
      checked(parseCluster),
    )
    .requiredOption("--http <host:port>", "where clients reach this node", checked(parseAddress))
    .requiredOption("--data-dir <dir>", "where this node keeps its log; made if missing")
    .option("--cluster-id <name>", "the same on all nodes; nodes of others are refused", "default")
    .addHelpText("after", serveHelp)
    .action(async (options: ServeOptions) => done(await serve(options)));
  addMembership(command);
  addLog(command);
  addTiming(command);
  addStorage(command);
  addSecurity(command);
  command.addOption(
    new Option("--exit-with-parent", "stop when the starting process ends")
      .default(false)
      .hideHelp(),
  );
}

function addMembership(command: Command): void {
  command
    .option(
      "--join [url,...]",
      "join a group that exists; with URLs of its nodes, ask them to add this one",
      checked(parseEndpoints),
    )
    .option("--learner", "join to learn only, and not to vote", false)
    .addOption(priorityOption())
    .option(
      "--listen <host:port>",
      "where to listen for peers, if not as --cluster says",
      checked(parsePeerAddress),
    )
    .option(
      "--advertise <host:port>",
      "where peers reach this node, if not as --cluster says",
      checked(parsePeerAddress),
    );
}

function addLog(command: Command): void {
  command
    .addOption(logLevelOption("info"))
    .addOption(
      new Option("--log-format <format>", "what log lines are")
        .choices(["json", "pretty"])
        .default(process.stdout.isTTY ? "pretty" : "json", "pretty on a terminal, else json"),
    );
}

function addTiming(command: Command): void {
  command
    .option("--tick-ms <ms>", "how long a tick is", integer(1, 60_000), 100)
    .option(
      "--heartbeat-ticks <count>",
      "how often a leader shows that it lives",
      integer(1, 1_000),
      1,
    )
    .option(
      "--election-timeout-ticks <count>",
      "how long it may be silent, at least",
      integer(2, 10_000),
      10,
    )
    .option("--lease-reads", "let reads count on clocks; the same on all nodes", false);
}

function addStorage(command: Command): void {
  command
    .option(
      "--snapshot-every-count <count>",
      "take a snapshot after so many entries",
      integer(1, 1e12),
      100_000,
    )
    .option(
      "--snapshot-every-bytes <bytes>",
      "or so many bytes of them",
      integer(1, 1e15),
      64 * mebi,
    )
    .option(
      "--snapshot-tail-count <count>",
      "keep so many entries of before a snapshot",
      integer(0, 1e12),
      10_000,
    )
    .option(
      "--segment-bytes <bytes>",
      "how large a file of the log grows",
      integer(2048, 1024 * mebi),
      64 * mebi,
    )
    .option(
      "--reserve-bytes <bytes>",
      "set so much aside, to make room on a full disk (default: as --segment-bytes)",
      integer(0, 1e15),
    );
}
