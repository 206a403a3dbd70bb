import type { DiskFile, ReadableDisk } from "./disk.ts";

/** Opens file `name` for as long as `use` takes. */
export async function withFile<T>(
  disk: Pick<ReadableDisk, "open">,
  name: string,
  use: (file: DiskFile) => Promise<T>,
): Promise<T> {
  const file = await disk.open(name);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
