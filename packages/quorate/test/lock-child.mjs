// Takes the lock of a directory, says so or says why not, and keeps it until it is killed. Plain
// JavaScript over the built package, which `npm test` builds first: Node.js 20 runs no TypeScript.
// With a second argument it waits until that time (milliseconds since 1970), so that several race.
import { lockDirectory } from "../dist/directory-lock.js";

const [directory, startMs] = process.argv.slice(2);
while (startMs !== undefined && Date.now() < Number(startMs));
try {
  await lockDirectory(directory);
  console.log("held");
  setInterval(() => {}, 1000);
} catch (error) {
  console.log(`${error.code} ${error.message}`);
}
