import { Option, type Command } from "commander";
import type { Logger } from "pino";
import type { Address, PeerTlsOptions, RaftError, TlsChange } from "quorate";
import { withoutCode } from "../api-error.ts";
import type { ClientCredentials } from "../client-connections.ts";
import type { HttpServerOptions } from "../http-server.ts";
import { readCredentials } from "./credentials.ts";
import { CommandError } from "./exit-status.ts";
import { integer } from "./options.ts";

/** How a node is secured, and how much it lets in. Files, and numbers. */
export interface SecuritySettings {
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  /** Clients must show a certificate of it. */
  readonly tlsCa?: string;
  readonly tokenFile?: string;
  readonly peerTlsCert?: string;
  readonly peerTlsKey?: string;
  readonly peerTlsCa?: string;
  /** Whether a certificate of the authority speaks for every node. */
  readonly peerTlsAnyNode: boolean;
  readonly tlsMin: "1.2" | "1.3";
  /** Whom to trust at the endpoints of `--join`. */
  readonly joinCa?: string;
  /** Whether to listen where everybody can reach a node that asks nobody who they are. */
  readonly insecure: boolean;
  readonly httpRate: number;
  readonly httpConnections: number;
  readonly httpConnectionsPerClient: number;
}

/** Adds the options of security to the command that runs a node. */
export function addSecurity(command: Command): void {
  command
    .option("--tls-cert <file>", "the certificate that clients see, as PEM: HTTPS instead of HTTP")
    .option("--tls-key <file>", "its key")
    .option("--tls-ca <file>", "let in clients with a certificate of these authorities only")
    .option("--token-file <file>", "let in clients with a bearer token of this file only")
    .option("--peer-tls-cert <file>", "the certificate that peers see: TLS, on all nodes")
    .option("--peer-tls-key <file>", "its key")
    .option("--peer-tls-ca <file>", "let in peers with a certificate of these authorities only")
    .option("--peer-tls-any-node", "let a certificate of a peer speak for every node", false)
    .addOption(
      new Option("--tls-min <version>", "the oldest TLS").choices(["1.2", "1.3"]).default("1.3"),
    )
    .addOption(
      new Option("--join-ca <file>", "authorities to trust at the URLs of --join").env(
        "QUORATE_CA",
      ),
    )
    .option("--insecure", "listen for everybody although nobody has to show anything", false)
    .option(
      "--http-rate <count>",
      "requests per second of one client address; 0 for any",
      integer(0, 1_000_000),
      5000,
    )
    .option("--http-connections <count>", "open at once, of all", integer(1, 1_000_000), 1024)
    .option(
      "--http-connections-per-client <count>",
      "open at once, of one client address",
      integer(1, 1_000_000),
      256,
    );
}

/** Whether `host` is reached from this machine only. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Throws `CommandError` if somebody could reach a door that nobody guards, and that was not wished. */
export function refuseExposure(
  settings: SecuritySettings,
  { http, peers }: { readonly http: Address; readonly peers: Address },
): void {
  if (settings.insecure) return;
  if (!isLoopback(http.host) && settings.tlsCa === undefined && settings.tokenFile === undefined) {
    throw new CommandError(
      `everybody who reaches ${http.host} could read and write: give --token-file, or --tls-ca with ` +
        "--tls-cert and --tls-key, or say --insecure",
    );
  }
  if (!isLoopback(peers.host) && settings.peerTlsCert === undefined) {
    throw new CommandError(
      `everybody who reaches ${peers.host} could pretend to be a node: give --peer-tls-ca, ` +
        "--peer-tls-cert and --peer-tls-key, or say --insecure",
    );
  }
}

/** Logs what is safe from nobody who listens on the network, if it leaves this machine. */
export function warnOfEavesdroppers(
  { tokenFile, tlsCert }: SecuritySettings,
  http: Address,
  log: Logger,
): void {
  if (isLoopback(http.host) || tokenFile === undefined || tlsCert !== undefined) return;
  log.warn("tokens and values travel in the clear: give --tls-cert and --tls-key");
}

/** How connections between nodes are secured. Throws `CommandError` if something is missing. */
export function peerTlsOf(settings: SecuritySettings, log: Logger): PeerTlsOptions | undefined {
  const { peerTlsCert: cert, peerTlsKey: key, peerTlsCa: ca, peerTlsAnyNode, tlsMin } = settings;
  if (cert === undefined && key === undefined && ca === undefined) return undefined;
  if (cert === undefined || key === undefined || ca === undefined) {
    throw new CommandError("--peer-tls-cert, --peer-tls-key and --peer-tls-ca go together");
  }
  return {
    ca: { file: ca },
    cert: { file: cert },
    key: { file: key },
    versionMin: `TLSv${tlsMin}`,
    verifyNode: !peerTlsAnyNode,
    onChange: changeLogger(log, "peers"),
  };
}

/** How the HTTP interface is secured and bounded. Throws `CommandError` if something is missing. */
export function httpSecurityOf(settings: SecuritySettings, log: Logger): HttpServerOptions {
  const { tlsCert: cert, tlsKey: key, tlsCa: ca, tokenFile, tlsMin } = settings;
  if ((cert === undefined) !== (key === undefined)) {
    throw new CommandError("--tls-cert and --tls-key go together");
  }
  if (ca !== undefined && cert === undefined) {
    throw new CommandError("--tls-ca goes with --tls-cert and --tls-key only");
  }
  const limits = {
    requestsPerSecondMax: settings.httpRate,
    connectionCountMax: settings.httpConnections,
    connectionsPerClientMax: settings.httpConnectionsPerClient,
    tokenFile,
    onTokens: tokenLogger(log),
  };
  if (cert === undefined || key === undefined) return limits;
  const tls = {
    ca: ca === undefined ? undefined : { file: ca },
    cert: { file: cert },
    key: { file: key },
    versionMin: `TLSv${tlsMin}` as const,
    onChange: changeLogger(log, "clients"),
  };
  return { ...limits, tls };
}

/** What the node shows where it asks to be added: what it shows to its own clients, and its first token. */
export function joinCredentialsOf(settings: SecuritySettings): ClientCredentials {
  const { joinCa, tlsCa, tlsCert: cert, tlsKey: key, tokenFile } = settings;
  const ca = joinCa ?? tlsCa;
  return readCredentials({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
  });
}

function changeLogger(log: Logger, use: string): (change: TlsChange) => void {
  return (change) => {
    if (change.kind === "reloaded") {
      log.info({ use, validTo: change.validTo }, "certificates reloaded");
    } else {
      const reason = withoutCode(change.error);
      log.error({ use, reason }, "new certificates cannot be used; the old ones stay");
    }
  };
}

function tokenLogger(log: Logger): (error?: RaftError) => void {
  return (error) => {
    if (error === undefined) log.info("tokens reloaded");
    else log.error({ reason: withoutCode(error) }, "new tokens cannot be used; the old ones stay");
  };
}
