import type { Replica } from "quorate";

/** Closes `replica` when the process is asked to stop. */
export function closeOnSignal<Query, Answer>(replica: Replica<Query, Answer>): void {
  const close = async (): Promise<void> => {
    // First stop what gives it work, such as a server. Then:
    await replica.close();
  };
  process.once("SIGTERM", () => {
    close().catch((error: unknown) => console.error(error));
  });
}
