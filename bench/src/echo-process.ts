import { serveEcho } from "./floors.ts";

serveEcho();
