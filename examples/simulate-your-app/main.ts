import { AppFailure, simulateApp, type SimulateAppOptions } from "@quorate/sim";
import { BoxOffice, HastyBoxOffice, sold } from "./box-office.ts";

/** What both are put through: buyers of seats for two shows, and people who ask what is left. */
const boxOffice: SimulateAppOptions<number, number> = {
  stateMachine: () => new BoxOffice(),
  workload(draw) {
    const show = draw.below(2);
    return draw.chance(700)
      ? { kind: "write", command: Uint8Array.of(show), label: `buy a seat for show ${show}` }
      : { kind: "read", query: show, label: `what is left of show ${show}` };
  },
  check({ commands }) {
    const soldCount = commands.filter(({ result: [answer] }) => answer === sold).length;
    if (soldCount > 6) throw new Error(`${soldCount} seats were sold, and there are 6`);
  },
  seeds: 30,
};

const { runCount, eventCount } = await simulateApp(boxOffice);
console.log(`the box office: ${runCount} runs, ${eventCount} events, no seat sold twice`);

try {
  await simulateApp({ ...boxOffice, stateMachine: () => new HastyBoxOffice() });
  console.log("the hasty box office: nothing was found");
} catch (error) {
  if (!(error instanceof AppFailure)) throw error;
  console.log(`the hasty box office: ${error.message}`);
}
