export type { Frame, FrameType } from "./frame.ts";
