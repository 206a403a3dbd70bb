import type { X509Certificate } from "node:crypto";
import type { NodeId } from "@quorate/core";

/**
 * The name that a certificate must carry to speak for node `id` of `clusterId`: a URI among its subject
 * alternative names, `quorate://CLUSTER/ID`, with the cluster percent-encoded as `encodeURIComponent` does.
 */
export function peerName(clusterId: string, id: NodeId): string {
  return `quorate://${encodeURIComponent(clusterId)}/${id}`;
}

/**
 * The URIs among the subject alternative names of `certificate`. Node.js joins all names in one text, in
 * which it quotes those that hold commas or quotes: what is in quotes is skipped, for no name of a node is.
 */
export function urisOf({ subjectAltName = "" }: Pick<X509Certificate, "subjectAltName">): string[] {
  const uris: string[] = [];
  for (const [, kind, value] of subjectAltName.matchAll(element)) {
    if (kind === "URI" && value !== undefined && !value.startsWith('"')) uris.push(value);
  }
  return uris;
}

const element = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/gy;
