import type net from "node:net";
import tls from "node:tls";
import { type NodeId, RaftError } from "@quorate/core";
import type { Address } from "./address.ts";
import { peerName, urisOf } from "./peer-certificate.ts";
import { systemCode } from "./storage-error.ts";
import { type TlsChange, TlsCredentials, type TlsSource } from "./tls-credentials.ts";

/** How the connections between nodes are secured. Both sides show a certificate of `ca`. */
export interface PeerTlsOptions extends TlsSource {
  readonly ca: NonNullable<TlsSource["ca"]>;

  /**
   * Whether a certificate speaks only for the nodes that it names, as `quorate://CLUSTER/ID` among its
   * subject alternative names. If not, every certificate of `ca` speaks for every node.
   *
   * @default true
   */
  readonly verifyNode?: boolean | undefined;

  /** Is told when files of certificates have changed, and whether they are used. Must not throw. */
  readonly onChange?: ((change: TlsChange) => void) | undefined;

  /**
   * How often files of certificates are looked at, in milliseconds, 10 to 3,600,000.
   *
   * @default 1000
   */
  readonly checkMs?: number | undefined;
}

/** Who this node is, and whether certificates must say so. */
interface Names {
  readonly id: NodeId;
  readonly clusterId: string;
  readonly verifyNode: boolean;
}

/** TLS between nodes: makes and takes connections, and says for whom a certificate may speak. */
export class PeerTls {
  readonly #credentials: TlsCredentials;
  readonly #names: Names;

  /** Throws `invalid_options` for credentials that cannot be used, or that do not name this node. */
  constructor(options: PeerTlsOptions, own: { readonly id: NodeId; readonly clusterId: string }) {
    const { ca, verifyNode = true, onChange, checkMs } = options;
    if (ca === undefined) throw new RaftError("invalid_options", "tls of peers needs a ca");
    this.#names = { ...own, verifyNode };
    const check = (certificate: Certificate): void => {
      const flaw = this.#nameFlaw(certificate, own.id);
      if (flaw !== undefined) throw new RaftError("invalid_options", flaw);
    };
    this.#credentials = new TlsCredentials(options, { check, onChange, checkMs });
  }

  /** Follows the files of the certificates from now on. */
  start(): void {
    this.#credentials.start();
  }

  close(): void {
    this.#credentials.close();
  }

  /** Begins to connect. The connection can be written to from `secureConnect` on. */
  connect({ host, port }: Address): tls.TLSSocket {
    const socket = tls.connect({
      host,
      port,
      secureContext: this.#credentials.context,
      rejectUnauthorized: true,
      // It is the node that must be the right one, wherever it is: see `flawOf`.
      checkServerIdentity: () => undefined,
    });
    const { noDelay, keepAlive, keepAliveInitialDelay } = socketOptions;
    return socket.setNoDelay(noDelay).setKeepAlive(keepAlive, keepAliveInitialDelay);
  }

  /**
   * A server that turns raw connections, which it is given as events, into secure ones. It lets in who
   * shows no certificate or a wrong one, so that they can be told: ask `flawOf`.
   */
  createServer(handshakeTimeout: number): tls.Server {
    const server = tls.createServer({
      ...this.#credentials.options,
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout,
    });
    this.#credentials.follow(server);
    return server;
  }

  /** Why what is at the other end of `socket` may not speak for node `id`, or for any if undefined. */
  flawOf(socket: net.Socket, id?: NodeId): RaftError | undefined {
    if (!(socket instanceof tls.TLSSocket)) return unauthenticated("the connection has no TLS");
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) return unauthenticated("the other side shows no certificate");
    if (!socket.authorized) {
      return unauthenticated(
        `the certificate is not trusted: ${String(socket.authorizationError)}`,
      );
    }
    const flaw = id === undefined ? undefined : this.#nameFlaw(certificate, id);
    return flaw === undefined ? undefined : unauthenticated(flaw);
  }

  #nameFlaw(certificate: Certificate, id: NodeId): string | undefined {
    const { clusterId, verifyNode } = this.#names;
    const name = peerName(clusterId, id);
    const uris = urisOf(certificate);
    if (!verifyNode || uris.includes(name)) return undefined;
    const whose = uris.length === 0 ? "no node" : uris.join(", ");
    return `the certificate must name ${name} to speak for node ${id}, and names ${whose}`;
  }
}

interface Certificate {
  readonly subjectAltName: string | undefined;
}

/** What the TCP connections between nodes are made with. */
export const socketOptions = {
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 10_000,
} as const;

/** The first byte of a TLS connection. A frame never begins with it. */
const tlsHandshakeByte = 0x16;

/** Whether a connection that begins with `bytes` wants to speak TLS. */
export function beginsTls(bytes: Uint8Array): boolean {
  return bytes[0] === tlsHandshakeByte;
}

/** Why the other side of a connection is not trusted. */
export function unauthenticated(message: string): RaftError {
  return new RaftError("unauthenticated", message);
}

/** Why TLS did not come about, if `error` is about that: not of a connection that was lost. */
export function tlsFailure(error: Error): RaftError | undefined {
  const code = systemCode(error);
  if (/wrong.version.number|packet.length.too.long/i.test(`${code} ${error.message}`)) {
    return unauthenticated("this node speaks TLS, and the other side does not seem to");
  }
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO") {
    return unauthenticated(`the TLS handshake failed: ${error.message}`);
  }
  return certificateCodes.has(code)
    ? unauthenticated(`the certificate is not trusted: ${error.message}`)
    : undefined;
}

/** What Node.js calls the flaws of a certificate. */
const certificateCodes: ReadonlySet<string> = new Set([
  "CERT_CHAIN_TOO_LONG",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "CERT_REJECTED",
  "CERT_REVOKED",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "INVALID_CA",
  "INVALID_PURPOSE",
  "PATH_LENGTH_EXCEEDED",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);
