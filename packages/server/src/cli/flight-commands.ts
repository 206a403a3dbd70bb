import type { Command } from "commander";
import { flightRecordCommand } from "./flight-command.ts";
import type { Done } from "./group-commands.ts";
import { replayHelp } from "./help.ts";
import { clientOfOne, integer, type ClientOfOneSettings } from "./options.ts";
import type { ReplaySettings } from "./replay-command.ts";

const callTimeoutMs = { usual: 10_000, most: 3_600_000 };
const stepMax = 1e12;

/** Adds the commands about what a core was told of late. */
export function addFlight(program: Command, done: Done): void {
  clientOfOne(program.command("flight-record"), callTimeoutMs)
    .description("copy what the core of one node was told of late, to be played again")
    .requiredOption("--out <file>", "a new file")
    .action(async (settings: ClientOfOneSettings & { readonly out: string }) =>
      done(await flightRecordCommand(settings.out, settings)),
    );
  program
    .command("replay <file>")
    .description("play what the core of a node was told, step by step")
    .option("--at <step>", "only show the state after this step", integer(1, stepMax))
    .option("--from <step>", "show the steps from this one on", integer(1, stepMax), 1)
    .option("--to <step>", "and up to this one", integer(0, stepMax))
    .option("--json", "a line of JSON for each step, and one for how it came out", false)
    .option("--interactive", "go forward and back as standard input says", false)
    .addHelpText("after", replayHelp)
    .action(async (file: string, settings: ReplaySettings) => {
      // Loaded only here: other commands start faster without it.
      const { replayCommand } = await import("./replay-command.ts");
      done(await replayCommand(file, settings));
    });
}
