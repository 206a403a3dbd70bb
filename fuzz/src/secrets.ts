import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClientCredentials } from "@quorate/server";
import { peerName } from "quorate";
import { generate } from "selfsigned";

/** What a secured node is started with, and what others show to it. */
export interface Secrets {
  /** Options of `quorate serve`. */
  readonly options: Readonly<Record<string, string>>;
  /** Who is let in as a client. */
  readonly client: ClientCredentials & { readonly token: string };
  /** Who is let in as any of `peerIds`. */
  readonly peer: { readonly ca: string; readonly cert: string; readonly key: string };
}

/** The nodes that attackers pretend to be. */
export const peerIds: readonly number[] = [2, 3, 4, 5, 6, 7, 8, 9];

const token = "a-token-of-the-campaign";

/** Makes certificates and a token, and writes what a node needs of them to `directory`. */
export async function makeSecrets(directory: string): Promise<Secrets> {
  const authority = await generate([{ name: "commonName", value: "authority" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [{ name: "basicConstraints", cA: true, critical: true }],
  });
  const ca = authority.cert;
  const issue = async (
    ids: readonly number[],
  ): Promise<{ ca: string; cert: string; key: string }> => {
    const { cert, private: key } = await generate([{ name: "commonName", value: "a node" }], {
      keyType: "ec",
      algorithm: "sha256",
      ca: { key: authority.private, cert: ca },
      extensions: [
        {
          name: "subjectAltName",
          altNames: [
            { type: 7, ip: "127.0.0.1" },
            ...ids.map((id) => ({ type: 6 as const, value: peerName("default", id) })),
          ],
        },
      ],
    });
    return { ca, cert, key };
  };
  const write = async (name: string, text: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  };
  const [own, peer] = [await issue([1]), await issue(peerIds)];
  const [caFile, cert, key] = [
    await write("ca.pem", ca),
    await write("cert.pem", own.cert),
    await write("key.pem", own.key),
  ];
  const options = {
    "--peer-tls-ca": caFile,
    "--peer-tls-cert": cert,
    "--peer-tls-key": key,
    "--tls-ca": caFile,
    "--tls-cert": cert,
    "--tls-key": key,
    "--token-file": await write("tokens", token),
  };
  return { options, client: { token, tls: peer }, peer };
}
