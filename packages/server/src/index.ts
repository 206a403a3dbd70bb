export { KvStore, type KvAnswer, type KvQuery, type KvValue } from "./kv-store.ts";
export {
  decodeCommand,
  encodeCommand,
  keyBytesMax,
  valueBytesMax,
  type Command,
  type DecodedCommand,
} from "./command.ts";
export { decodeResult, encodeResult, type CommandResult } from "./command-result.ts";
export { createHttpServer, type HttpServer, type HttpServerOptions } from "./http-server.ts";
export type { DoorLimits } from "./http-door.ts";
export type { HttpTlsOptions } from "./http-listener.ts";
export type { KvReplica } from "./kv-calls.ts";
export {
  Client,
  type ClientCallOptions,
  type ClientOptions,
  type ClientWriteOptions,
  type Found,
  type Written,
} from "./client.ts";
export type { ClientCredentials } from "./client-connections.ts";
export { ApiError, type ApiErrorCode, type ApiErrorOptions } from "./api-error.ts";
export type { NodeStatus } from "./node-status.ts";
export { NodeMetrics, type MeasuredReplica } from "./node-metrics.ts";
