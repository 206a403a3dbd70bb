import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { parseAddress, RaftError } from "quorate";
import { ApiError, withoutCode } from "../api-error.ts";
import { parseEndpoint } from "../endpoint-choice.ts";
import { timeoutMsMax } from "../http-request.ts";
import { levels, parseSeedRange, seedMax, type SimSettings } from "../sim/sim-settings.ts";
import { version } from "../version.ts";
import { parseCluster, parseNodeId } from "./addresses.ts";
import { type CheckSettings, formats, models } from "./check-settings.ts";
import { CommandError, exitStatus, exitStatusOf } from "./exit-status.ts";
import { checkHelp, clusterHelp, generalHelp, localHelp, serveHelp, simHelp } from "./help.ts";
import {
  deleteCommand,
  getCommand,
  putCommand,
  type ClientSettings,
} from "./key-value-commands.ts";
import { local } from "./local.ts";
import type { LocalOptions } from "./local-cluster.ts";
import { defaultHttpPort, defaultPeerPort, nodeCountMax } from "./local-set-up.ts";
import { logLevels, type LogLevel } from "./log.ts";
import { serve, type ServeOptions } from "./serve.ts";
import { statusCommand } from "./status-command.ts";

/**
 * Carries out the command line `argv`, without the name of the program, and resolves with the exit
 * status. What a user can cause ends in a message, never in an exception.
 */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
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

/** Takes the exit status of the command that was carried out. */
type Done = (status: number) => void;

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
  addSim(program, done);
  addCheck(program, done);
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

function addServe(program: Command, done: Done): void {
  program
    .command("serve")
    .description("run one node")
    .requiredOption("--id <id>", "this node, for the life of its data", checked(parseNodeId))
    .requiredOption(
      "--cluster <id=host:port,...>",
      "all nodes, and where their peers reach them",
      checked(parseCluster),
    )
    .requiredOption("--http <host:port>", "where clients reach this node", checked(parseAddress))
    .requiredOption("--data-dir <dir>", "where this node keeps its log; made if missing")
    .option("--cluster-id <name>", "the same on all nodes; nodes of others are refused", "default")
    .addOption(logLevelOption("info"))
    .addOption(
      new Option("--log-format <format>", "what log lines are")
        .choices(["json", "pretty"])
        .default(process.stdout.isTTY ? "pretty" : "json", "pretty on a terminal, else json"),
    )
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
    .addOption(
      new Option("--exit-with-parent", "stop when the starting process ends")
        .default(false)
        .hideHelp(),
    )
    .addHelpText("after", serveHelp)
    .action(async (options: ServeOptions) => done(await serve(options)));
}

function addKeyValueCommands(program: Command, done: Done): void {
  client(program.command("put <key> <value>"))
    .description("store a value; - reads it from standard input")
    .action(async (key: string, value: string, settings: ClientSettings) =>
      done(await putCommand(key, value, settings)),
    );
  client(program.command("get <key>"))
    .description("print a value")
    .option("--local", "ask one node alone: fast, works without a majority, may be old", false)
    .action(async (key: string, settings: ClientSettings & { readonly local: boolean }) =>
      done(await getCommand(key, settings)),
    );
  client(program.command("delete <key>"))
    .description("remove a value")
    .action(async (key: string, settings: ClientSettings) =>
      done(await deleteCommand(key, settings)),
    );
}

function addStatus(program: Command, done: Done): void {
  client(program.command("status"))
    .description("show what every node is doing")
    .option("--json", "as JSON, all there is, one line for each look", false)
    .option("--watch", "look again every second, until interrupted", false)
    .action(
      async (settings: ClientSettings & { readonly json: boolean; readonly watch: boolean }) =>
        done(await statusCommand(settings)),
    );
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

/** Adds what all commands have in common that talk to servers. */
function client(command: Command): Command {
  const ports = [0, 1, 2].map((offset) => defaultHttpPort + offset);
  return command
    .option(
      "--endpoints <url,...>",
      "where the nodes listen for clients",
      checked(parseEndpoints),
      ports.map((port) => `http://127.0.0.1:${port}`),
    )
    .option("--timeout-ms <ms>", "how long to try", integer(1, timeoutMsMax), 10_000)
    .addHelpText("after", clusterHelp);
}

function logLevelOption(level: LogLevel): Option {
  return new Option("--log-level <level>", "how much is logged").choices(logLevels).default(level);
}

function parseEndpoints(text: string): readonly string[] {
  return text.split(",").map((endpoint) => parseEndpoint(endpoint).origin);
}

/** An option's parser that turns what `parse` throws into a usage error. */
function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof RaftError) throw new InvalidArgumentError(withoutCode(error));
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

function integer(least: number, most: number): (text: string) => number {
  return checked((text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : -1;
    if (value >= least && value <= most) return value;
    throw new RangeError(`must be an integer from ${least} to ${most}`);
  });
}

function complain(message: string, status: number): number {
  process.stderr.write(`quorate: ${message}\n`);
  return status;
}

function describe(error: ApiError): string {
  const text = `${error.code}: ${error.message}`;
  return error.outcome === "unknown" ? `${text}\nThe write may or may not take effect.` : text;
}
