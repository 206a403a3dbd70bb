import { Command, CommanderError, Option } from "commander";
import { ApiError } from "../api-error.ts";
import { consistencies, timeoutMsMax } from "../http-request.ts";
import { levels, parseSeedRange, seedMax, type SimSettings } from "../sim/sim-settings.ts";
import { version } from "../version.ts";
import { type CheckSettings, formats, models } from "./check-settings.ts";
import { CommandError, exitStatus, exitStatusOf } from "./exit-status.ts";
import { addFlight } from "./flight-commands.ts";
import {
  addForgetLeader,
  addMember,
  addSnapshot,
  addTransfer,
  type Done,
} from "./group-commands.ts";
import { checkHelp, generalHelp, localHelp, simHelp } from "./help.ts";
import {
  deleteCommand,
  getCommand,
  putCommand,
  type ClientSettings,
  type GetSettings,
} from "./key-value-commands.ts";
import { local } from "./local.ts";
import type { LocalOptions } from "./local-cluster.ts";
import { defaultHttpPort, defaultPeerPort, nodeCountMax } from "./local-set-up.ts";
import { addLogCommands } from "./log-command.ts";
import { checked, client, integer, logLevelOption } from "./options.ts";
import { addRecover } from "./recover-command.ts";
import { addServe } from "./serve-command.ts";
import { statusCommand, type StatusSettings } from "./status-command.ts";

/**
 * Carries out the command line `argv`, without the name of the program, and resolves with the exit
 * status. What a user can cause ends in a message, never in an exception.
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  // Whoever reads the output may stop before its end: no reason for a node to stop serving, or to complain.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  let status: number = exitStatus.ok;
  const program = createProgram((result) => {
    status = result;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitStatus.ok : exitStatus.usage;
    }
    if (error instanceof CommandError) return complain(error.message, error.status);
    if (error instanceof ApiError) return complain(describe(error), exitStatusOf(error));
    throw error;
  }
}

function createProgram(done: Done): Command {
  const program = new Command("quorate")
    .description(
      "A replicated key-value store: writes survive the loss of any minority of its nodes.",
    )
    .version(version)
    .exitOverride()
    .showHelpAfterError("(--help lists the options)")
    .addHelpText("after", generalHelp);
  addLocal(program, done);
  addServe(program, done);
  addKeyValueCommands(program, done);
  addStatus(program, done);
  addMember(program, done);
  addTransfer(program, done);
  addForgetLeader(program, done);
  addSnapshot(program, done);
  addRecover(program, done);
  addLogCommands(program, done);
  addSim(program, done);
  addCheck(program, done);
  addFlight(program, done);
  return program;
}

function addLocal(program: Command, done: Done): void {
  program
    .command("local")
    .description("run a whole cluster on this machine, to try things out")
    .option("--nodes <count>", "how many nodes", integer(1, nodeCountMax), 3)
    .option("--data-dir <dir>", "where the nodes keep their logs", "data/local")
    .option(
      "--http-port <port>",
      "where clients reach node 1; the others follow",
      integer(1, 65_535),
      defaultHttpPort,
    )
    .option(
      "--peer-port <port>",
      "where peers reach node 1; the others follow",
      integer(1, 65_535),
      defaultPeerPort,
    )
    .addOption(logLevelOption("warn"))
    .addHelpText("after", localHelp)
    .action(async (options: LocalOptions) => done(await local(options)));
}

/** How long a call is tried by default, and at most, in milliseconds. */
const callTimeoutMs = { usual: 10_000, most: timeoutMsMax };

function addKeyValueCommands(program: Command, done: Done): void {
  client(program.command("put <key> <value>"), callTimeoutMs)
    .description("store a value; - reads it from standard input")
    .action(async (key: string, value: string, settings: ClientSettings) =>
      done(await putCommand(key, value, settings)),
    );
  client(program.command("get <key>"), callTimeoutMs)
    .description("print a value")
    .addOption(
      new Option("--consistency <kind>", "what the read rests on; linearizable by default").choices(
        consistencies,
      ),
    )
    .addOption(
      new Option("--local", "ask one node alone: fast, works without a majority, may be old")
        .default(false)
        .conflicts("consistency"),
    )
    .option(
      "--staleness-ms <ms>",
      "how old a local read may be, at most",
      integer(0, Number.MAX_SAFE_INTEGER),
    )
    .option(
      "--at-least <index>",
      "see the write, or the read, that had this index",
      integer(0, Number.MAX_SAFE_INTEGER),
    )
    .action(async (key: string, settings: GetSettings) => done(await getCommand(key, settings)));
  client(program.command("delete <key>"), callTimeoutMs)
    .description("remove a value")
    .action(async (key: string, settings: ClientSettings) =>
      done(await deleteCommand(key, settings)),
    );
}

function addStatus(program: Command, done: Done): void {
  client(program.command("status"), callTimeoutMs)
    .description("show what every node is doing")
    .option("--json", "as JSON, all there is, one line for each look", false)
    .option("--watch", "look again every second, until interrupted", false)
    .option(
      "--index <index>",
      "say what became of this entry, and who holds it up",
      integer(1, Number.MAX_SAFE_INTEGER),
    )
    .action(async (settings: StatusSettings) => done(await statusCommand(settings)));
}

function addSim(program: Command, done: Done): void {
  program
    .command("sim")
    .description("search for faults of Quorate itself, in simulated clusters drawn from seeds")
    .addOption(new Option("--level <level>", "what is simulated").choices(levels).default("core"))
    .option(
      "--seeds <A-B>",
      "run these seeds; 1-1000 if nothing else is said",
      checked(parseSeedRange),
    )
    .addOption(
      new Option("--seed <seed>", "run one seed")
        .argParser(integer(0, seedMax))
        .conflicts(["seeds", "minutes", "replay"]),
    )
    .option(
      "--minutes <count>",
      "run new seeds, or those of --seeds, for so long",
      integer(1, 100_000),
    )
    .option("--jobs <count>", "how many seeds at a time", integer(1, 256), 1)
    .option("--failures <file>", "where seeds that failed are kept", "sim-failures.jsonl")
    .addOption(
      new Option("--replay <file>", "play a scenario instead").conflicts(["seeds", "minutes"]),
    )
    .option("--print", "tell every event of the seed or the scenario")
    .option("--trace <file>", "write every event of the seed or the scenario as a line of JSON")
    .option("--tla <file>", "write it as TLC can check it, of nodes without pre-vote")
    .option("--no-shrink", "do not look for the smallest scenario of a failure")
    .addHelpText("after", simHelp)
    .action(async (settings: SimSettings) => {
      // Loaded only here: other commands start faster without it.
      const { simCommand } = await import("./sim-command.ts");
      done(await simCommand(settings));
    });
}

function addCheck(program: Command, done: Done): void {
  program
    .command("check <file>")
    .description("say whether a history of clients is linearizable; - reads standard input")
    .addOption(new Option("--format <format>", "default: told by how it begins").choices(formats))
    .addOption(new Option("--model <model>", "default: told by its operations").choices(models))
    .option("--budget <steps>", "how many steps to search, at most", integer(1, 1e15))
    .option("--memory-mib <count>", "how much memory to search with", integer(1, 1_000_000))
    .option("--json", "all there is, as JSON", false)
    .addHelpText("after", checkHelp)
    .action(async (file: string, settings: CheckSettings) => {
      const { checkCommand } = await import("./check-command.ts");
      done(await checkCommand(file, settings));
    });
}

function complain(message: string, status: number): number {
  process.stderr.write(`quorate: ${message}\n`);
  return status;
}

function describe(error: ApiError): string {
  const text = `${error.code}: ${error.message}`;
  return error.outcome === "unknown" ? `${text}\nIt may or may not take effect.` : text;
}
