import type { Message } from "@quorate/core";
import { ChunkWriter, referenceBytesMin } from "./chunk-writer.ts";
import { type MessagePlan, planMessage, readMessage, writeMessage } from "./message.ts";
import { prefixedBytes, ProtoReader } from "./protobuf.ts";

/** The one tag of `MessageBatch`. */
const tagMessages = 0x0a;
const batchFieldMax = 1;

/**
 * The payload of one `raft` frame that carries `messages` in order, as chunks that belong together.
 *
 * The data of large entries and large commands (`referenceBytesMin`) are chunks of their own, the very
 * bytes of the log and not a copy; all else shares one new buffer. So no chunk may be changed, ever.
 */
export function encodeBatch(messages: readonly Message[]): Uint8Array[] {
  const plans: MessagePlan[] = [];
  let copiedBytes = 0;
  for (const message of messages) {
    const plan = planMessage(message, referenceBytesMin);
    copiedBytes += 1 + prefixedBytes(plan.bytes) - plan.referencedBytes;
    plans.push(plan);
  }
  const writer = new ChunkWriter(copiedBytes, referenceBytesMin);
  for (const plan of plans) {
    writer.field(tagMessages, plan.bytes);
    writeMessage(writer, plan.raw);
  }
  return writer.finish();
}

/**
 * The messages in the payload of a `raft` frame, in order. They alias it, as in `decodeMessage`. One
 * message that cannot be decoded spoils the batch: throws `malformed` or `unknown_message`.
 */
export function decodeBatch(payload: Uint8Array): Message[] {
  const reader = new ProtoReader(payload);
  const messages: Message[] = [];
  while (reader.more) {
    const tag = reader.tag();
    if (tag === tagMessages) {
      const outer = reader.enter();
      messages.push(readMessage(reader));
      reader.leave(outer);
    } else {
      reader.skipUnknown(tag, batchFieldMax);
    }
  }
  return messages;
}
