import { createServer, type Server, type ServerOptions } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { TlsCredentials, type TlsChange, type TlsSource } from "quorate";

/** How the HTTP interface is secured. With a `ca`, clients must show a certificate of it. */
export interface HttpTlsOptions extends TlsSource {
  /** Told when files of certificates have changed, and whether they are used. Must not throw. */
  readonly onChange?: ((change: TlsChange) => void) | undefined;
  /**
   * How often files of certificates are looked at, in milliseconds, 10 to 3,600,000.
   *
   * @default 1000
   */
  readonly checkMs?: number | undefined;
}

/** What listens, and the certificates that it shows, if any. */
export interface HttpListener {
  readonly server: Server | SecureServer;
  readonly credentials: TlsCredentials | undefined;
}

/**
 * Makes a server with what bounds a connection: heads of `headBytesMax`, and the time until a head, a whole
 * request and the handshake of TLS are there. Throws `invalid_options` for certificates that cannot be used.
 */
export function createListener(
  limits: {
    readonly headTimeoutMs: number;
    readonly requestTimeoutMs: number;
    readonly headBytesMax: number;
  },
  tls: HttpTlsOptions | undefined,
): HttpListener {
  const options: ServerOptions = {
    headersTimeout: limits.headTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    maxHeaderSize: limits.headBytesMax,
    connectionsCheckingInterval: 1_000,
    keepAliveTimeout: 30_000,
  };
  if (tls === undefined) return { server: createServer(options), credentials: undefined };
  const { onChange, checkMs } = tls;
  const credentials = new TlsCredentials(tls, { onChange, checkMs });
  const server = createSecureServer({
    ...options,
    ...credentials.options,
    requestCert: tls.ca !== undefined,
    // Whoever shows none is told so in an answer, and may ask whether the node is alive.
    rejectUnauthorized: false,
    handshakeTimeout: limits.headTimeoutMs,
  });
  credentials.follow(server);
  // There is nothing to write an answer on.
  server.prependListener("tlsClientError", (_, socket) => socket.destroy());
  return { server, credentials };
}
