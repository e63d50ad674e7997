/**
 * A simulated run from beginning to end: commands in an order of their own, everything they set off
 * in the scheduler's, then rest, and what is counted is held against what was recorded.
 */

import fc, { type Scheduler } from "fast-check";
import type { MetricFamily } from "../../../lib/metrics/family.ts";
import { amountsOf, firstLess } from "./amounts.ts";
import type { Command } from "./commands.ts";
import type { Service } from "./runs.ts";
import { createSystem, type Kind, type System } from "./system.ts";
import { createWorld, WINDOWS } from "./world.ts";

/** Runs once; the same arguments give the same run. @throws {BrokenPromise} */
export async function simulate(
  scheduler: Scheduler,
  commands: Iterable<Command>,
  kind: Kind,
): Promise<void> {
  const violations: string[] = [];
  const complain = (violation: string) => void violations.push(violation);
  const world = createWorld(scheduler);
  const system = createSystem(world, kind, { complain });
  const setup = () => ({ model: { services: system.services }, real: system });
  await scheduler.waitFor(fc.asyncModelRun(setup, commands));
  for (const service of system.services) await finish(system, service);
  if (violations.length > 0) throw new BrokenPromise(violations.slice(0, MAX_TOLD).join("\n"));
}

/** A run in which what is served is not what it should be; the message tells in what. */
export class BrokenPromise extends Error {}

const MAX_TOLD = 5;

/** Lets everything come to rest, then lets everything end. */
async function finish(system: System, service: Service): Promise<void> {
  const { world, isLossy, complain } = system;
  const { reckoning } = service;
  system.recover();
  await world.settle();
  await comeToRest(system, service);
  await pass(system, WINDOWS.marginSeconds);
  // One that stands still would meet the floor of a later one.
  while (service.scraping > 0) await pass(system, 600);
  await retire(system, service);
  const page = await scrape(system, service);
  if (isLossy) return;
  const missing = firstLess(amountsOf(page), reckoning.acknowledged());
  if (missing !== undefined) complain(`in the end served only ${missing} acknowledged`);

  // Everything ends: every group is folded, and the page is the same as before. A clock that was set
  // back has to pass the last pushes first.
  const own = () => system.countGroups(service);
  for (let window = 0; window < 2 || (own() > 0 && window < 50); window += 1) {
    await pass(system, WINDOWS.retireAfterSeconds + 60);
    await retire(system, service);
  }
  if (own() > 0) complain(`${own()} groups left in the end`);
  if (!system.hasForeignGroup()) complain("someone else's group was deleted");
  const lost = firstLess(amountsOf(await scrape(system, service)), amountsOf(page));
  if (lost !== undefined) complain(`folding lost ${lost}`);
}

/** Lets time pass while everything goes on. */
async function pass({ world }: System, seconds: number): Promise<void> {
  const passed = world.pass(seconds);
  await world.settle();
  await passed;
}

/** Flushes until nothing is left; a rejected family is asked for again only after a lease. */
async function comeToRest(system: System, { reckoning }: Service): Promise<void> {
  for (const { process } of reckoning.environments) process.fates.length = 0;
  await pass(system, 60);
  for (let round = 0; round < 40; round += 1) {
    const restless = reckoning.living().filter((environment) => !environment.isAtRest());
    if (restless.length === 0) return;
    for (const environment of restless) environment.flush();
    await system.world.settle();
    await pass(system, 120);
  }
  system.complain("an environment could not push for 40 rounds");
}

async function retire(system: System, service: Service): Promise<void> {
  for (const process of service.retirements) process.isDead = true;
  for (let run = 0; run < 3; run += 1) {
    void system.retire(service, []);
    await system.world.settle();
  }
}

async function scrape(system: System, service: Service): Promise<readonly MetricFamily[]> {
  const scraped = system.scrape(service, []);
  await system.world.settle();
  const page = await scraped;
  if (page === undefined) system.complain("nothing could be scraped in the end");
  return page ?? [];
}
