import type { Happening } from "./decision.ts";
import { isQuorum } from "./group-shadow.ts";
import type { Host } from "./host.ts";
import type { Operation } from "./operators.ts";
import type { Rot } from "./rot.ts";
import { usPerMs } from "./timeline.ts";
import type { WholeWorld } from "./whole-world.ts";

/** Lets something happen in a world now. Whatever lasts is undone later. */
export function perform<Query, Answer>(world: WholeWorld<Query, Answer>, what: Happening): void {
  switch (what.kind) {
    case "call":
      world.callers.make(what);
      return;
    case "change":
    case "transfer":
    case "snapshot":
      world.operators.begin(what);
      return;
    case "cut":
      world.network.cut(what.links);
      world.later(what.forMs, () => world.network.mend(what.links));
      return;
    case "clog":
      for (const each of what.links) world.network.clog(each);
      world.later(what.forMs, () => {
        for (const each of what.links) world.network.unclog(each);
      });
      return;
    case "stray":
      leaveStray(world, world.host(what.node));
      return;
    case "reset":
      for (const each of what.links) world.network.reset(each);
      return;
    default:
      performOn(world, world.host(what.node), what);
  }
}

type HappeningToHost = Exclude<
  Happening,
  Operation | { readonly kind: "call" | "cut" | "clog" | "reset" | "stray" }
>;

function performOn<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  host: Host<Query, Answer>,
  what: HappeningToHost,
): void {
  const now = world.timeline.now;
  switch (what.kind) {
    case "crash":
      takeDown(world, host, what.downMs, () => host.crash(what.how, what.survivePerMille));
      break;
    case "rot":
      takeDown(world, host, what.downMs, () => host.crash("power", 500));
      rot(world, host, what).catch((error: unknown) => world.broken(error));
      break;
    case "wipe":
      takeDown(world, host, what.downMs, () => {
        host.crash("power", 500);
        world.coverage.count("wipe");
        host.wipe();
      });
      break;
    case "close":
      host.close(() => {
        if (world.isHealed) host.start();
        else world.later(what.downMs, () => host.start());
      });
      break;
    case "pause": {
      const until = Math.max(host.pausedUntil, now + what.forMs * usPerMs);
      host.pausedUntil = until;
      host.pause();
      world.later(what.forMs, () => {
        if (host.pausedUntil === until) host.resume();
      });
      break;
    }
    case "suspend":
      suspend(world, host, what.forMs);
      break;
    case "set-wall":
      host.setWall((what.ahead === 1 ? 3_600_000 : -3_600_000) * usPerMs);
      break;
    case "join":
      host.start();
      break;
    case "clock-rate":
      host.setClockRate(what.perMille);
      world.later(what.forMs, () => host.setClockRate());
      break;
    case "clock-jump":
      host.jumpClock(what.byMs * usPerMs);
      break;
    case "slow-disk":
      host.diskFactor = what.factor;
      world.later(what.forMs, () => (host.diskFactor = 1));
      break;
    case "stuck-disk":
      host.diskStuckUntil = Math.max(host.diskStuckUntil, now + what.forMs * usPerMs);
      break;
    case "full-disk":
      fill(world, host, what);
      break;
    case "trap":
      host.traps.push({ call: what.call, skip: what.skip, trap: what.trap, downMs: what.downMs });
      break;
  }
}

/** Lets some of a disk go bad. */
async function rot<Query, Answer>(
  { coverage, group, hosts }: WholeWorld<Query, Answer>,
  host: Host<Query, Answer>,
  what: Rot,
): Promise<void> {
  if (!(await host.rot(what))) return;
  coverage.count("rot");
  const rotten = hosts.filter(({ damage }) => damage === "rotten");
  if (rotten.length > 1) coverage.count("rot-of-several");
  const whole = hosts.flatMap(({ id, damage }) => (damage === "none" ? [id] : []));
  if (!isQuorum(group.newest, new Set(whole))) coverage.count("rot-of-majority");
}

/** Makes the state of a host that runs another, if the service has a way to. */
function leaveStray<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  { id, replica }: Host<Query, Answer>,
): void {
  if (replica !== undefined && world.log.leaveStray(id)) world.coverage.count("stray");
}

/** Ends a process that runs by `end`, and starts another later. */
function takeDown<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  host: Host<Query, Answer>,
  downMs: number,
  end: () => void,
): void {
  if (!host.isUp) return;
  end();
  world.later(downMs, () => host.start());
}

/** Lets the whole machine of a host stand still, with its monotonic clock. */
function suspend<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  host: Host<Query, Answer>,
  forMs: number,
): void {
  const until = Math.max(host.pausedUntil, world.timeline.now + forMs * usPerMs);
  host.pausedUntil = until;
  host.suspend();
  world.later(forMs, () => {
    if (host.pausedUntil === until) host.resume();
  });
}

/** Leaves little room on the disk of a host for a while. */
function fill<Query, Answer>(
  world: WholeWorld<Query, Answer>,
  host: Host<Query, Answer>,
  { forMs, roomBytes, stepBytes }: Extract<Happening, { readonly kind: "full-disk" }>,
): void {
  const until = world.timeline.now + forMs * usPerMs;
  host.diskFullUntil = until;
  host.setFull(true, roomBytes);
  let leftCount = stepBytes === 0 ? 0 : stepCount;
  const giveBack = (): void => {
    if (host.diskFullUntil !== until) return;
    if (leftCount === 0) {
      host.setFull(false);
      return;
    }
    leftCount -= 1;
    host.grow(stepBytes);
    world.later(Math.ceil(forMs / stepCount), giveBack);
  };
  world.later(forMs, giveBack);
}

/** In how many steps the room on a disk comes back, before the last of it. */
const stepCount = 8;
