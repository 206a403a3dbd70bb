import type net from "node:net";
import type tls from "node:tls";
import { none, type RaftError } from "@quorate/core";
import { formatAddress } from "./address.ts";
import { refusalFrame, type RefusedConnection } from "./handshake.ts";
import { beginsTls, type PeerTls, tlsFailure, unauthenticated } from "./peer-tls.ts";
import type { TcpLimits } from "./tcp-options.ts";

/** What a `Lobby` needs to know. */
export interface LobbyOptions {
  readonly limits: Pick<TcpLimits, "handshakeTimeoutMs" | "handshakeCountMax">;
  /** How connections are secured; undefined: not at all. */
  readonly tls: PeerTls | undefined;
  /** Takes a connection that is as secure as it must be, and may say who it is. */
  readonly onGuest: (guest: LobbyGuest) => void;
  readonly onRefused: (refusal: RefusedConnection) => void;
}

/** A connection that is not let in yet. */
export interface LobbyGuest {
  readonly socket: net.Socket;
  /** Where it comes from. */
  readonly address: string;
  /** It is let in: the lobby forgets it. */
  leave(): void;
}

/** The place of a connection in the lobby. */
interface Place {
  readonly host: string;
  readonly address: string;
  readonly raw: net.Socket;
  /** What is spoken on: the raw connection, or TLS over it. */
  socket: net.Socket;
  readonly deadline: NodeJS.Timeout;
}

/**
 * Where connections are until it is known who they are: TLS is established here, if there is any, and what
 * does not speak as this node does is told so. Bounded in number and time: one connection too many ends
 * the oldest of the host that has most, so that a host that floods this one is in its own way first.
 */
export class Lobby {
  readonly #options: LobbyOptions;
  readonly #places = new Map<string, Place>();
  readonly #server: tls.Server | undefined;

  constructor(options: LobbyOptions) {
    this.#options = options;
    this.#server = options.tls?.createServer(options.limits.handshakeTimeoutMs);
    this.#server?.on("secureConnection", (socket) => this.#onSecure(socket));
    this.#server?.on("tlsClientError", (error, socket) => {
      const failure = tlsFailure(error);
      if (failure !== undefined) this.#report(addressOf(socket), failure);
    });
  }

  /** Takes a connection that has just been made. */
  enter(raw: net.Socket): void {
    const { handshakeTimeoutMs } = this.#options.limits;
    const { remoteAddress: host } = raw;
    if (host === undefined) {
      raw.destroy();
      return;
    }
    const address = addressOf(raw);
    const deadline = setTimeout(() => this.#end(place), handshakeTimeoutMs);
    const place: Place = { host, address, raw, socket: raw, deadline };
    this.#places.set(address, place);
    raw.on("error", () => raw.destroy());
    raw.on("close", () => this.#forget(place));
    raw.once("data", (bytes: Buffer) => this.#onFirst(place, bytes));
    this.#trim();
  }

  /** Ends all connections that are here. */
  clear(): void {
    for (const place of this.#places.values()) this.#end(place);
  }

  /** Sorts a connection by the first bytes that it sends. */
  #onFirst(place: Place, bytes: Buffer): void {
    const { raw } = place;
    raw.pause();
    raw.unshift(bytes);
    if (beginsTls(bytes) !== (this.#server !== undefined)) {
      const message = this.#server === undefined ? "takes no TLS" : "takes nothing but TLS";
      this.#refuse(place, unauthenticated(`the other node ${message}`));
    } else if (this.#server !== undefined) this.#server.emit("connection", raw);
    else this.#welcome(place);
  }

  #onSecure(socket: tls.TLSSocket): void {
    const place = this.#places.get(addressOf(socket));
    socket.on("error", () => socket.destroy());
    if (place === undefined) {
      socket.destroy();
      return;
    }
    place.socket = socket;
    const flaw = this.#options.tls?.flawOf(socket);
    if (flaw === undefined) this.#welcome(place);
    else this.#refuse(place, flaw);
  }

  #welcome(place: Place): void {
    const { socket, address } = place;
    this.#options.onGuest({ socket, address, leave: () => this.#forget(place) });
    socket.resume();
  }

  /** Tells why. The connection keeps its deadline and its place, and may not linger. */
  #refuse(place: Place, error: RaftError): void {
    this.#report(place.address, error);
    place.socket.end(refusalFrame(error));
    place.socket.resume();
  }

  #report(address: string, error: RaftError): void {
    this.#options.onRefused({ direction: "incoming", peer: none, address, error });
  }

  #trim(): void {
    if (this.#places.size <= this.#options.limits.handshakeCountMax) return;
    const countOf = new Map<string, number>();
    for (const { host } of this.#places.values()) countOf.set(host, (countOf.get(host) ?? 0) + 1);
    const most = Math.max(...countOf.values());
    for (const place of this.#places.values()) {
      if (countOf.get(place.host) !== most) continue;
      this.#end(place);
      return;
    }
  }

  #end(place: Place): void {
    this.#forget(place);
    place.socket.destroy();
    place.raw.destroy();
  }

  #forget(place: Place): void {
    clearTimeout(place.deadline);
    if (this.#places.get(place.address) === place) this.#places.delete(place.address);
  }
}

function addressOf(socket: net.Socket): string {
  return formatAddress({ host: socket.remoteAddress ?? "?", port: socket.remotePort ?? 0 });
}
