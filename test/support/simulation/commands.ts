/**
 * What may happen in a simulated run, as fast-check commands: a run that breaks a promise is reduced
 * to the few that break it.
 */

import fc, { type AsyncCommand } from "fast-check";
import type { Service } from "./runs.ts";
import type { Kind, System } from "./system.ts";
import type { Fate } from "./world.ts";

/** The model that a run is held against: each deployment with what it recorded and served. */
export interface Model {
  readonly services: readonly Service[];
}
export type Command = AsyncCommand<Model, System>;

interface Weighted {
  readonly weight: number;
  readonly arbitrary: fc.Arbitrary<Command>;
}

const MAX_COMMANDS = 50;
const MAX_RETIREMENTS = 2;
/** Chooses among whatever is there when the command runs. */
const at = fc.nat(999);

const pick = <T>(items: readonly T[], at: number): T | undefined => items[at % items.length];
const serviceOf = ({ services }: System, at: number) => pick(services, at) as Service;
const living = ({ services }: System) => services.flatMap(({ reckoning }) => reckoning.living());

/** A command that tells its name and arguments. @param weight how often it comes. */
function command<Arguments extends object>(
  weight: number,
  name: string,
  values: { [Name in keyof Arguments]: fc.Arbitrary<Arguments[Name]> },
  run: (system: System, values: Arguments) => unknown,
): Weighted {
  const arbitrary = fc.record(values).map((chosen): Command => ({
    check: () => true,
    async run(_model, system) {
      // Whatever is under way may go on first.
      await system.world.step(name);
      await run(system, chosen as Arguments);
    },
    toString: () => `${name}(${JSON.stringify(chosen)})`,
  }));
  return { weight, arbitrary };
}

/** All commands of a kind of run. */
export function commandsOf(kind: Kind): fc.Arbitrary<Iterable<Command>> {
  const all = [...always(kind), ...sometimes(kind)];
  return fc.noBias(fc.commands([fc.oneof(...all)], { maxCommands: MAX_COMMANDS, size: "max" }));
}

function always(kind: Kind): Weighted[] {
  const { longestWaitSeconds = 1_300, isAdaptive = false, scrapers = 1 } = kind;
  const fates = fc.array(fateOf(kind), { maxLength: 3, size: "max" });
  const recorded = fc.record({
    kind: fc.constantFrom("k0", "k1", "k2"),
    amount: fc.integer({ min: 1, max: 4 }),
  });
  const times = fc.integer({ min: 1, max: isAdaptive ? 12 : 2 });
  const waitUpTo = (weight: number, max: number) =>
    command(weight, "wait", { seconds: fc.integer({ min: 1, max }) }, ({ world }, { seconds }) =>
      world.pass(seconds),
    );

  const scrapeIfFree = (system: System, { at, fates }: { at: number; fates: readonly Fate[] }) => {
    const service = serviceOf(system, at);
    if (service.scraping < scrapers) void system.scrape(service, fates);
  };

  return [
    command(30, "invoke", { at, recorded, times, fates }, (system, values) => {
      // Lambda starts an environment when it finds none that is free.
      const environments = living(system);
      const free = environments[values.at % (environments.length + 1)];
      const environment = free ?? system.start(values.at);
      environment?.process.fates.push(...values.fates);
      for (let time = 0; time < values.times; time += 1) {
        environment?.invoke({ recorded: values.recorded, isHanging: false });
      }
    }),
    command(1, "hang", { at, recorded }, (system, { at, recorded }) =>
      pick(living(system), at)?.invoke({ recorded, isHanging: true }),
    ),
    command(4, "shutDown", { at, fates }, (system, { at, fates }) => {
      const environment = pick(living(system), at);
      environment?.process.fates.push(...fates);
      environment?.shutDown();
    }),
    command(2, "crash", { at, fates }, (system, { at, fates }) => {
      const environment = pick(living(system), at);
      environment?.process.fates.splice(0, Infinity, ...fates);
      environment?.crash();
    }),
    command(2, "kill", { at }, (system, { at }) => pick(living(system), at)?.kill()),
    waitUpTo(9, 240),
    waitUpTo(3, longestWaitSeconds),
    command(8, "retire", { at, fates }, (system, { at, fates }) => {
      const service = serviceOf(system, at);
      const running = service.retirements.filter(({ isDead }) => !isDead);
      if (running.length < MAX_RETIREMENTS) void system.retire(service, fates);
    }),
    command(1, "stopRetirement", { at }, (system, { at }) => {
      const running = serviceOf(system, at).retirements.filter(({ isDead }) => !isDead);
      const retirement = pick(running, at);
      if (retirement !== undefined) retirement.isDead = true;
    }),
    command(8, "scrape", { at, fates }, scrapeIfFree),
    // It stands still with what it has read.
    command(2, "scrapeSlowly", { at }, (system, { at }) =>
      scrapeIfFree(system, { at, fates: ["late"] }),
    ),
  ];
}

/** What is asked for by a kind. */
function sometimes(kind: Kind): Weighted[] {
  const seconds = fc.oneof(
    fc.integer({ min: -7_260, max: -60 }),
    fc.integer({ min: 60, max: 7_260 }),
  );
  const isBackup = fc.boolean();
  const all: [boolean | undefined, Weighted][] = [
    [
      kind.hasRejections,
      command(2, "toggleRejection", { at }, (system, { at }) => system.toggleRejection(at)),
    ],
    [
      kind.hasClockSteps,
      command(2, "setClock", { at, seconds }, (system, { at, seconds }) =>
        system.setClock(at, seconds),
      ),
    ],
    [
      kind.hasOwnClockSteps,
      command(4, "setOwnClock", { at, seconds }, (system, { at, seconds }) =>
        pick(living(system), at)?.setClock(seconds * 1_000),
      ),
    ],
    [
      kind.hasDeployments,
      command(3, "deploy", { mask: fc.integer({ min: 1, max: 7 }) }, (system, { mask }) =>
        system.deploy(mask),
      ),
    ],
    [
      kind.hasLoss,
      command(2, "save", { at, isBackup }, (system, { at, isBackup }) => system.save(at, isBackup)),
    ],
    [
      kind.hasLoss,
      command(2, "restart", { at, isBackup }, (system, { at, isBackup }) =>
        system.restart(at, isBackup),
      ),
    ],
  ];
  return all.flatMap(([isAsked, weighted]) => (isAsked === true ? [weighted] : []));
}

function fateOf({ hasCuts = false }: Kind): fc.Arbitrary<Fate> {
  const fate = (weight: number, value: Fate) => ({ weight, arbitrary: fc.constant(value) });
  return fc.oneof(
    fate(10, "arrives"),
    fate(2, "refused"),
    fate(1, "lost"),
    fate(2, "late"),
    fate(1, "resent"),
    fate(hasCuts ? 2 : 0, "cut"),
  );
}
