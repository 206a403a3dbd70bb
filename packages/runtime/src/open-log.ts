import { type NodeId, RaftError } from "@quorate/core";
import {
  type Damage,
  type DamagedLog,
  findDamage,
  type OpenedWal,
  openWal,
  type WalOptions,
} from "@quorate/wal";
import { decodeMembers } from "@quorate/wire";
import { checkWanted, listen } from "./abort-signal.ts";
import { Borrower, type Mended } from "./borrowing.ts";
import { EarlyNetwork } from "./early-network.ts";
import { emptyMemberTable, goneOf } from "./member-table.ts";
import type { Network } from "./ports.ts";
import type { CompleteReplicaOptions } from "./replica-options.ts";
import type { StartDisk } from "./start-disk.ts";

/** A log that was opened, and the network to go on with, which may be open already. */
export interface OpenedLog {
  readonly wal: OpenedWal;
  readonly network: Network;
}

/** How many damages of one log are mended at most; a disk that has more is not to be trusted. */
const mendedCountMax = 64;

/**
 * Opens the log of a replica, on `disk`. Of one that is `corrupt` what is damaged is mended: from what the
 * log itself and its snapshot tell, or else from the logs of other members, if they can prove what was
 * there. Until then the replica takes no part in anything: to the others it is as if it were down.
 *
 * Rejects as `openWal` does; with `corrupt` if nobody could help until `repairTimeoutMs` were over; and with
 * `aborted` if nobody waits for it: then what was damaged is so still, or mended in full. The network is
 * closed then, if it was opened.
 */
export async function openLog<Query, Answer>(
  options: CompleteReplicaOptions<Query, Answer>,
  walOptions: WalOptions,
  disk: StartDisk,
): Promise<OpenedLog> {
  const repair = new LogRepair(options, walOptions, disk);
  try {
    return await repair.open();
  } catch (error) {
    await repair.abandon();
    throw error;
  } finally {
    repair.unlisten();
  }
}

class LogRepair<Query, Answer> {
  readonly #options: CompleteReplicaOptions<Query, Answer>;
  readonly #walOptions: WalOptions;
  readonly #disk: StartDisk;
  readonly #deadline: number;
  /** Who asks the others, and the network opened for it; undefined as long as nobody is asked. */
  #asking: { readonly borrower: Borrower; readonly network: EarlyNetwork } | undefined;
  /** Stops listening to the signal of whoever starts the replica. */
  unlisten: () => void = () => {};

  constructor(
    options: CompleteReplicaOptions<Query, Answer>,
    walOptions: WalOptions,
    disk: StartDisk,
  ) {
    this.#options = options;
    this.#walOptions = walOptions;
    this.#disk = disk;
    this.#deadline = options.clock.now() + options.repairTimeoutMs;
  }

  async open(): Promise<OpenedLog> {
    const { onMended } = this.#options;
    for (let mendedCount = 0; ; mendedCount++) {
      try {
        const wal = await openWal(this.#disk, this.#walOptions);
        return { wal, network: this.#asking?.network ?? this.#options.network };
      } catch (error) {
        if (!(error instanceof RaftError) || error.code !== "corrupt") throw error;
        if (mendedCount >= mendedCountMax) throw error;
        onMended(await this.#mend(error));
      }
    }
  }

  /** Closes the network, if it was opened. */
  async abandon(): Promise<void> {
    await this.#asking?.network.close();
  }

  /** Mends the first damage of a log that was refused with `refusal`; rejects with that if it cannot. */
  async #mend(refusal: RaftError): Promise<Mended> {
    const { signal, onMissing } = this.#options;
    const found = await findDamage(this.#disk, this.#walOptions.identity);
    if (found === undefined) throw refusal;
    const ways = found.ways.map((way) => this.#unbroken(way));
    for (const { place, missing, mend } of ways) {
      if (missing === undefined && (await mend([]))) return { place, lent: undefined };
    }
    const lost = ways.find(({ missing }) => missing !== undefined);
    if (lost?.missing !== undefined) onMissing({ ...lost.missing, place: lost.place });
    const { borrower } = (this.#asking ??= await this.#ask(found));
    const mended = await borrower.mend(ways, this.#deadline);
    if (mended !== undefined) return mended;
    checkWanted(signal);
    const message = refusal.message.slice(refusal.code.length + 2);
    throw new RaftError(
      "corrupt",
      `${message}; of the other members none could prove what was there (${borrower.answers})`,
      { cause: refusal },
    );
  }

  /** The same way, which is gone to its end once it is entered. */
  #unbroken(way: Damage): Damage {
    return { ...way, mend: (entries) => this.#disk.unbroken(() => way.mend(entries)) };
  }

  /** Opens the network: the members are those of the newest snapshot, as far as is known. */
  async #ask({ incarnation, members }: DamagedLog): Promise<{
    readonly borrower: Borrower;
    readonly network: EarlyNetwork;
  }> {
    const { id, clock, random, network: below, signal } = this.#options;
    const send = (to: NodeId, chunks: readonly Uint8Array[]): boolean => below.send(to, chunks);
    const borrower = new Borrower({ clock, random, send });
    if (signal !== undefined) {
      const unlisten = listen(signal, () => borrower.stop());
      if (unlisten instanceof RaftError) throw unlisten;
      this.unlisten = unlisten;
      checkWanted(signal);
    }
    const network = new EarlyNetwork(below, borrower.receiver);
    const table = members.length === 0 ? emptyMemberTable : decodeMembers(members);
    const others = table.members.filter((member) => member.id !== id);
    if (others.length > 0) network.setPeers(others);
    network.setRemoved(goneOf(table));
    try {
      await network.begin(incarnation);
    } catch (error) {
      await network.close();
      throw error;
    }
    return { borrower, network };
  }
}
