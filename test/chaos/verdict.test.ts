import { describe, expect, it } from "vitest";
import type { DeliveredGroup } from "./delivered.ts";
import { addUp, sumsOf, totalOf, type RecordedPart, type Sums } from "./sums.ts";
import { ENDINGS, judge, type Evidence, type Verdict } from "./verdict.ts";
import { FAMILIES } from "./work.ts";

const PROCESS = "1-100";
const part = (number: number): RecordedPart => ({ number, part: 1 });
const ALL = [part(1), part(2), part(3), part(4)];
const sums = (...parts: readonly RecordedPart[]) => sumsOf(PROCESS, parts);
const orders = (...parts: readonly RecordedPart[]) => totalOf(sums(...parts), FAMILIES.orders);
const group = (pushed: Sums, but: Partial<DeliveredGroup> = {}): DeliveredGroup => ({
  process: PROCESS,
  sums: pushed,
  untaken: undefined,
  alternatives: [],
  ...but,
});

/** A run of one process, in which everything went well but for what is said. */
function judgeRun(but: Partial<Evidence> = {}): Verdict {
  const groups = but.groups ?? [group(sums(...ALL))];
  const ledger = but.ledger ?? addUp(groups.map((one) => one.sums));
  return judge({
    truth: new Map([[PROCESS, ALL]]),
    groups,
    ledger,
    page: ledger,
    endings: new Map(),
    gaveUp: new Set(),
    ...but,
  });
}

const EARLY = { endings: new Map([[PROCESS, "killed"]] as const) };
const GAVE_UP = { gaveUp: new Set([PROCESS]) };
const [first, second, third, fourth] = ALL as [
  RecordedPart,
  RecordedPart,
  RecordedPart,
  RecordedPart,
];

/** Its second and third part are in a push that nobody took, the fourth went out under a new id. */
const PARKED = [group(sums(first), { untaken: sums(first, second, third) }), group(sums(fourth))];

describe("the verdict of a chaos run", () => {
  it("finds nothing where everything was counted, in however many groups", () => {
    const groups = [group(sums(first, second)), group(sums(third, fourth))];
    expect(judgeRun({ groups })).toMatchObject({
      recorded: orders(...ALL),
      counted: orders(...ALL),
      unacknowledged: 0,
      doubled: 0,
      unexplained: [],
    });
  });

  it("explains the last parts of a process that was killed before it pushed them", () => {
    const verdict = judgeRun({ groups: [group(sums(first, second))], ...EARLY });
    expect(verdict).toMatchObject({
      unacknowledged: orders(third, fourth),
      uncertain: 0,
      unexplained: [],
    });
  });

  it("explains what a push held that nobody took, and that was given up", () => {
    const verdict = judgeRun({ groups: PARKED, ...GAVE_UP });
    expect(verdict).toMatchObject({
      unacknowledged: 0,
      uncertain: orders(second, third),
      unexplained: [],
    });
  });

  it("tells that from what was not acknowledged when the process ended", () => {
    const groups = [group(sums(first), { untaken: sums(first, second) }), group(sums(third))];
    expect(judgeRun({ groups, ...GAVE_UP, ...EARLY })).toMatchObject({
      uncertain: orders(second),
      unacknowledged: orders(fourth),
      unexplained: [],
    });
    expect(judgeRun({ groups, ...EARLY })).toMatchObject({
      uncertain: 0,
      unacknowledged: orders(second, fourth),
      unexplained: [],
    });
  });

  it("explains what a Pushgateway lost, and what the floor holds on the page all the same", () => {
    const survived = { signal: "SIGKILL", sums: sums(first) } as const;
    const verdict = judgeRun({
      groups: [group(sums(...ALL), { alternatives: [survived] })],
      ledger: sums(first),
      page: sums(first, second),
    });
    expect(verdict.lostByPushgateway).toEqual({
      SIGTERM: 0,
      SIGKILL: orders(second, third, fourth),
    });
    expect(verdict.unexplained).toEqual([]);
  });

  it("takes a group that was retired before its Pushgateway lost it for counted", () => {
    const survived = { signal: "SIGKILL", sums: new Map() } as const;
    const verdict = judgeRun({ groups: [group(sums(...ALL), { alternatives: [survived] })] });
    expect(verdict).toMatchObject({ lostByPushgateway: { SIGKILL: 0 }, unexplained: [] });
  });

  it("takes a push that was applied though its answer was lost for counted", () => {
    const applied = { signal: "SIGTERM", sums: sums(...ALL) } as const;
    const verdict = judgeRun({
      groups: [group(sums(first), { alternatives: [applied] })],
      ledger: sums(...ALL),
      page: sums(...ALL),
    });
    expect(verdict).toMatchObject({ unacknowledged: 0, unexplained: [] });
  });

  it.each<[string, Partial<Evidence>]>([
    ["something missing though its process ended in peace", { groups: [group(sums(first))] }],
    ["something missing in the middle", { groups: [group(sums(first, third, fourth))], ...EARLY }],
    ["a push that nobody took, though it was not given up", { groups: PARKED }],
    [
      "something missing beside a push that was given up",
      {
        groups: [group(sums(first), { untaken: sums(first, second) }), group(sums(fourth))],
        ...GAVE_UP,
      },
    ],
    [
      "a push that was given up though it was taken",
      { groups: [group(sums(first)), group(sums(fourth))], ...GAVE_UP },
    ],
    [
      "a part that was pushed in two groups, one of which was given up",
      {
        groups: [
          group(sums(first), { untaken: sums(first, second) }),
          group(sums(second, third, fourth)),
        ],
        ledger: sums(first, third, fourth),
        ...GAVE_UP,
      },
    ],
    ["more than was recorded", { groups: [group(sums(...ALL, fourth))], ...EARLY }],
    ["less in the ledger than was pushed", { ledger: sums(first, second) }],
    ["more in the ledger than was pushed", { ledger: sums(...ALL, first) }],
    ["less on the page than in the ledger", { page: sums(first) }],
    ["more on the page than in the ledger", { page: sums(...ALL, first) }],
    [
      "more on the page than a Pushgateway had that lost some of it",
      {
        groups: [
          group(sums(first, second), {
            alternatives: [{ signal: "SIGKILL", sums: sums(first) }],
          }),
        ],
        ledger: sums(first),
        page: sums(first, second, third),
        ...EARLY,
      },
    ],
    ["a series that nobody recorded", { page: new Map([...sums(...ALL), ["chaos_x_total", 1]]) }],
    [
      "one bucket that is wrong by one",
      {
        ledger: new Map([
          ...sums(...ALL),
          [`${FAMILIES.seconds}_bucket{kind="stop",le="+Inf"}`, 99],
        ]),
      },
    ],
  ])("does not explain %s", (_, but) => {
    expect(judgeRun(but).unexplained).not.toEqual([]);
  });

  it("tells what was lost by how the process ended, and what of it had been pushed", () => {
    const groups = [group(sums(first), { untaken: sums(first, second) })];
    const lost = { processes: 1, orders: orders(second, third, fourth), pushed: orders(second) };
    const none = { processes: 0, orders: 0, pushed: 0 };
    for (const ending of ENDINGS) {
      const { losses, unexplained } = judgeRun({ groups, endings: new Map([[PROCESS, ending]]) });
      const all = Object.fromEntries(ENDINGS.map((one) => [one, none]));
      expect(losses).toEqual({ ...all, [ending]: lost });
      expect(unexplained).toEqual([]);
    }
  });

  it("counts what is there twice", () => {
    expect(judgeRun({ ledger: sums(...ALL, first) }).doubled).toBe(orders(first));
  });
});
