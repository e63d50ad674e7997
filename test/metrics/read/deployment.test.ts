import { expect, it } from "vitest";
import { isGroupOf } from "../../../lib/metrics/read/deployment.ts";
import type { LabelSet } from "../../../lib/metrics/family.ts";
import { instanceId } from "../../support/groups.ts";

const OURS = { service: "s", stage: "e" };
const KEY: LabelSet = { job: "s", component: "c", environment: "e", instance: instanceId(1) };
const { component, environment, instance, job } = KEY as Record<keyof typeof KEY, string>;

it.each<[what: string, key: LabelSet, isOurs: boolean]>([
  ["an environment's of this stage", KEY, true],
  ["whatever the order of its labels", { instance, environment, component, job } as LabelSet, true],
  ["of whatever function", { ...KEY, component: "another" }, true],
  ["another service's", { ...KEY, job: "another" }, false],
  ["another stage's", { ...KEY, environment: "another" }, false],
  ["somebody's with a label more", { ...KEY, region: "eu" }, false],
  ["somebody's with an empty label more", { ...KEY, region: "" }, false],
  ["somebody's with a label less", { job, environment, instance } as LabelSet, false],
  [
    "somebody's with another label instead",
    { job, environment, instance, name: "c" } as LabelSet,
    false,
  ],
  ["of an instance that is an address", { ...KEY, instance: "10.0.0.1:9100" }, false],
  [
    "of an instance in capitals",
    { ...KEY, instance: instanceId(1).replace("4000", "4AAA") },
    false,
  ],
  ["of an instance that only begins with an id", { ...KEY, instance: `${instance}0` }, false],
  ["of no instance", { ...KEY, instance: "" }, false],
])("a group %s: is it ours? %j %j", (_what, key, isOurs) => {
  expect(isGroupOf(OURS, { key, pushedAtSeconds: 1, refusedAtSeconds: 0, families: [] })).toBe(
    isOurs,
  );
});
