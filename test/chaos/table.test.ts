import { expect, it } from "vitest";
import type { WayReport } from "./run-way.ts";
import { LEGEND, lossesTable, waysTable } from "./table.ts";

const none = { processes: 0, orders: 0, pushed: 0 };

const NAIVE: WayReport = {
  way: "push",
  outcomes: {},
  actions: {},
  recorded: 1_000,
  counted: 30,
  increase: 70_000,
  lost: 970,
  doubled: 0,
  decreases: 4_321,
  scrapes: { good: 9, all: 10 },
  groups: 1,
  environments: 50,
  groupsAtEnd: 1,
  pages: { pages: 9, gaps: 0, decreases: 4_321, examples: [], increases: new Map() },
  faults: {},
  uncertainSamples: 0,
  rejected: [],
  seconds: 1,
};

const EXACT: WayReport = {
  ...NAIVE,
  way: "exact",
  counted: 980,
  increase: 975,
  lost: 20,
  decreases: 0,
  groups: 50,
  groupsAtEnd: 0,
  verdict: {
    recorded: 1_000,
    counted: 980,
    unacknowledged: 12,
    losses: {
      killed: { processes: 3, orders: 8, pushed: 2 },
      "timed out": { processes: 4, orders: 4, pushed: 0 },
      crashed: none,
      "shut down": none,
    },
    living: 50,
    uncertain: 3,
    lostByPushgateway: { SIGTERM: 0, SIGKILL: 5 },
    doubled: 0,
    series: 60,
    unexplained: [],
  },
};

it("a chaos run's table has each cause of a loss in a column, where causes were looked for", () => {
  expect(waysTable([EXACT, NAIVE])).toBe(
    `
|              | recorded | counted | lost | with a process | with a Pushgateway | unanswered | doubled | \`increase()\` | decreases | groups | environments |
| ------------ | -------: | ------: | ---: | -------------: | -----------------: | ---------: | ------: | -----------: | --------: | -----: | -----------: |
| this project |    1,000 |     980 |   20 |             12 |                  5 |          3 |       0 |          975 |         0 |     50 |           50 |
| push         |    1,000 |      30 |  970 |              – |                  – |          – |       0 |       70,000 |     4,321 |      1 |           50 |
`.trim(),
  );
});

it("and its second one has a row for each way to end", () => {
  expect(lossesTable(EXACT)).toBe(
    `
|                                                   | processes | orders lost | of which pushed in vain |
| ------------------------------------------------- | --------: | ----------: | ----------------------: |
| processes killed                                  |         3 |           8 |                       2 |
| processes timed out                               |         4 |           4 |                       0 |
| processes crashed                                 |         0 |           0 |                       0 |
| processes shut down                               |         0 |           0 |                       0 |
| processes that lived to the end                   |        50 |           0 |                       0 |
| in a Pushgateway killed before it wrote them down |           |           5 |                         |
| in a Pushgateway ended by SIGTERM                 |           |           0 |                         |
| in a push that nobody ever answered               |           |           3 |                         |
| differences without a cause                       |           |           0 |                         |
`.trim(),
  );
});

it("a legend says what every column is", () => {
  const [head = ""] = waysTable([NAIVE]).split("\n");
  const columns = head.split("|").map((cell) => cell.trim().replaceAll("`", ""));
  for (const column of columns.filter((name) => name !== "")) {
    expect(LEGEND.replaceAll("\n", " ")).toContain(`${column}: `);
  }
});
