// A bug in the core, for a file given to `--import`: a follower appends what it is sent without looking
// whether it has it. It is in the built package, which the command runs.
import { Log } from "../../core/dist/log.js";

Log.prototype.merge = function appendAll(entries) {
  for (const entry of entries) this.append(entry);
};
