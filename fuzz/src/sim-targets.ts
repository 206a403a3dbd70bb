import { RaftError } from "@quorate/core";
import { checkHistoryText, parseScenario, parseWholeScenario, ScenarioError } from "@quorate/sim";
import { type Target, textTarget } from "./target.ts";

const histories = [
  `{"history": 1, "model": "kv"}
{"client": 0, "type": "invoke", "op": "put", "key": "a", "value": "x"}
{"client": 1, "type": "invoke", "op": "get", "key": "a"}
{"client": 0, "type": "ok", "index": 3, "previousIndex": 0}
{"client": 1, "type": "ok", "value": "x", "modifiedIndex": 3}
{"client": 0, "type": "invoke", "op": "append", "key": "a", "value": "y"}
{"client": 0, "type": "info"}
`,
  `{:process 0, :type :invoke, :f :write, :value 1}
{:process 1, :type :invoke, :f :read, :value nil}
{:process 0, :type :ok, :f :write, :value 1}
{:process 1, :type :ok, :f :read, :value 1}
{:process :nemesis, :type :info, :f :start}
{:process 2, :type :invoke, :f :cas, :value [1 2]}
{:process 2, :type :fail, :f :cas, :value [1 2]}
`,
  `INFO  jepsen.util - 0 :invoke :write 1
INFO  jepsen.util - 1 :invoke :read nil
INFO  jepsen.util - 0 :ok :write 1
INFO  jepsen.util - 1 :ok :read 1
`,
  `{:process 0, :type :invoke, :f :put, :key "a", :value "x"}
{:process 0, :type :ok, :f :put, :key "a", :value "x"}
`,
];

const scenario = `# what it is of
level core
raft electionTimeoutTicks=5 preVote=false
node n1 pipelined memory
node n2 simple durable
node n3 pipelined memory joins
host auto
expect holds

start n1 seed=1 applied=0
campaign n1
persist n1 count=1
deliver n1 -> n2 request-vote term=1 last=0/0
change n1 auto +n3
propose n1 command=1
tick n2 count=3
crash n2
transfer n1 n2
compact n1 kept=1
report n1 n2 ok
converge n1 n2 seed=4
`;

const wholeScenario = `# what it is of
level whole
plan seed=21
plan lengthMs=1102
expect holds

@0ms crash node=2 how=power survivePerMille=500 downMs=2375
@45.192ms trap node=3 call=any skip=0 trap=fail downMs=2742
frame n1>n2 number=3 late late=5us
frame n1>n2 number=4 lost
`;

/** A scenario that is none is told by an error without a code, that has the line. */
function orMalformed(parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof ScenarioError)) throw error;
      throw new RaftError("malformed", error.message);
    }
  };
}

const bounds = { stepsMax: 2000, windowStepsMax: 500, cacheBytesMax: 65_536 };

/** Everything that reads what people give to `quorate check` and to `quorate sim`. */
export const simTargets: readonly Target[] = [
  textTarget((text) => checkHistoryText(text, bounds), histories, {
    name: "checkHistoryText",
    codes: ["malformed", "too_large"],
    share: 0.02,
  }),
  textTarget(orMalformed(parseScenario), [scenario], { name: "parseScenario", share: 0.02 }),
  textTarget(orMalformed(parseWholeScenario), [wholeScenario], {
    name: "parseWholeScenario",
    share: 0.02,
  }),
];
