import type * as Api from "@opentelemetry/api";
import type { Tracer } from "./tracing.ts";

/** The headers of a request, by lower-case name. */
export type TraceHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** A tracer that this process has registered with OpenTelemetry. */
export interface RegisteredTracer extends Tracer {
  /**
   * Does `work` as a part of the trace that `headers` tell of (`traceparent`), and gives what it gives. If a
   * span is active already, from whoever has taken the request, it is a part of that.
   */
  readonly continueTrace: <T>(headers: TraceHeaders, work: () => T) => T;
}

/**
 * The tracer of the provider that this process has registered with `@opentelemetry/api`, for `withTracing`.
 * Undefined if none is registered now, or that package is not installed.
 */
export async function registeredTracer(): Promise<RegisteredTracer | undefined> {
  const api = await importApi();
  if (api === undefined) return undefined;
  const { trace, context, propagation, ProxyTracerProvider } = api;
  const provider = trace.getTracerProvider();
  // As long as there is none, it is a proxy for the one that does nothing.
  const nothing = new ProxyTracerProvider().getDelegate();
  if (provider instanceof ProxyTracerProvider && provider.getDelegate() === nothing) {
    return undefined;
  }
  const tracer = trace.getTracer("quorate");
  return {
    startSpan: (name, options) => tracer.startSpan(name, options),
    continueTrace: (headers, work) => {
      if (trace.getActiveSpan() !== undefined) return work();
      return context.with(propagation.extract(context.active(), headers), work);
    },
  };
}

async function importApi(): Promise<typeof Api | undefined> {
  try {
    return await import("@opentelemetry/api");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND") {
      return undefined;
    }
    throw error;
  }
}
