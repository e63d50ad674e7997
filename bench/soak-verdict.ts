/**
 * What a soak has shown: whether every answer was counted, and whether the functions' process keeps
 * anything of the requests it has answered. Growth is told by the slope over all samples and not by
 * the first and the last of them, so that neither a collection nor a busy moment decides.
 */

/** What the functions' process holds at one moment, just after a garbage collection. */
export interface Usage {
  /** Requests answered so far. */
  readonly answers: number;
  readonly memoryBytes: number;
  /** Open files and sockets. */
  readonly handles: number;
  /** Timers that keep the process alive. */
  readonly timers: number;
}

export interface SoakResult {
  /** Answers by `METHOD route status`: as they came, and as `/metrics` has them. */
  readonly sent: Readonly<Record<string, number>>;
  readonly counted: Readonly<Record<string, number>>;
  /** Requests that got no answer: whether they are counted can't be known. */
  readonly unanswered: number;
  /** Records acknowledged by the topic, and dealt with. */
  readonly produced: number;
  readonly consumed: number;
  /** Oldest first. */
  readonly usage: readonly Usage[];
}

/** What it grew by from the first sample judged to the last, as the slope has it. */
export type Growth = Omit<Usage, "answers">;

/**
 * What is no leak: caches that fill, connections for as many as ask at once. More than that in any
 * number of requests is one, so a longer soak finds a smaller one.
 */
export const ALLOWED: Growth = { memoryBytes: 80e6, handles: 100, timers: 200 };

/** With fewer a slope says nothing. */
export const MIN_SAMPLES = 8;

/** Faults in words; none when all is well. */
export function faultsOf(result: SoakResult): string[] {
  const grown = growth(result.usage);
  return [
    ...countFaults(result),
    ...(result.usage.length < MIN_SAMPLES ? [`only ${result.usage.length} samples of usage`] : []),
    ...(Object.keys(ALLOWED) as (keyof Growth)[])
      .filter((key) => grown[key] > ALLOWED[key])
      .map((key) => `${key}: grew by ${grown[key].toFixed(0)}, expected at most ${ALLOWED[key]}`),
  ];
}

/** What is counted wrong, or not yet. */
export function countFaults(result: Omit<SoakResult, "usage">): string[] {
  const { sent, counted, unanswered, produced, consumed } = result;
  const keys = [...new Set([...Object.keys(sent), ...Object.keys(counted)])];
  const over = keys.map((key) => (counted[key] ?? 0) - (sent[key] ?? 0));
  const missed = keys.filter((_, i) => (over[i] ?? 0) < 0);
  const excess = over.reduce((all, more) => all + Math.max(0, more), 0);
  return [
    ...missed.map((key) => `${key}: ${sent[key]} answers, ${counted[key] ?? 0} counted`),
    ...(excess > unanswered ? [`${excess} counted and never answered, of ${unanswered}`] : []),
    ...(consumed === produced ? [] : [`${produced} records produced, ${consumed} consumed`]),
  ];
}

/** The first third is left out: what is slow to start fills its caches then. */
export function growth(usage: readonly Usage[]): Growth {
  const warm = usage.slice(Math.floor(usage.length / 3));
  const answers = (warm.at(-1)?.answers ?? 0) - (warm[0]?.answers ?? 0);
  const of = (key: keyof Growth) =>
    answers * slope(warm.map((one) => [one.answers, one[key]] as const));
  return { memoryBytes: of("memoryBytes"), handles: of("handles"), timers: of("timers") };
}

/**
 * The median of the slopes between any two points (Theil and Sen): nearly a third of them may be
 * anywhere and change nothing.
 */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x1, y1], i) =>
    points.slice(i + 1).flatMap(([x2, y2]) => (x2 === x1 ? [] : [(y2 - y1) / (x2 - x1)])),
  );
  return slopes.toSorted((a, b) => a - b)[Math.floor(slopes.length / 2)] ?? 0;
}
