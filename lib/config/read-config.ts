/**
 * Reads parts of the configuration from environment variables. Who reads names the parts, and a bad
 * variable of any other is no fault of theirs. Each function of the API reads all of the service's.
 */

import * as v from "valibot";
import { type InputFault, ServiceError } from "../errors.ts";
import { processVariables, type Variables } from "./process-variables.ts";

/** A part: the variables it reads, each with a default, and what it makes of them. */
export type ConfigPart = v.GenericSchema;

/** Parts by the names that they have in the configuration. */
export type ConfigParts = Readonly<Record<string, ConfigPart>>;

export type ConfigOf<Parts extends ConfigParts> = {
  readonly [Name in keyof Parts]: v.InferOutput<Parts[Name]>;
};

/**
 * Reads the configuration. Empty variables count as unset.
 * @param variables the environment; default: the process's own.
 * @throws {ServiceError} `INVALID_CONFIG`, naming each bad variable of all parts and what was
 *   expected; it never repeats a value, since some are secrets.
 */
export function readConfig<Parts extends ConfigParts>(
  parts: Parts,
  variables: Variables = processVariables(),
): ConfigOf<Parts> {
  const { config, fault } = readConfigOrDefaults(parts, variables);
  if (fault !== undefined) throw fault;
  return config;
}

/** A configuration that is whole in any case, and what was wrong with the variables, if anything. */
export interface ReadConfig<Parts extends ConfigParts> {
  readonly config: ConfigOf<Parts>;
  /** As `readConfig` would throw it. */
  readonly fault?: ServiceError | undefined;
}

/** Reads the configuration for who must not fail: a part with a bad variable has its defaults. */
export function readConfigOrDefaults<Parts extends ConfigParts>(
  parts: Parts,
  variables: Variables = processVariables(),
): ReadConfig<Parts> {
  const set = Object.fromEntries(
    Object.entries(variables).filter(([, value]) => value !== undefined && value !== ""),
  );
  const faults: InputFault[] = [];
  const read = Object.entries(parts).map(([name, part]) => {
    const result = v.safeParse(part, set);
    if (result.success) return [name, result.output];
    faults.push(...result.issues.map(toFault));
    return [name, v.parse(part, {})];
  });
  const config = Object.fromEntries(read) as ConfigOf<Parts>;
  return faults.length === 0 ? { config } : { config, fault: invalidConfig(faults) };
}

function toFault(issue: v.BaseIssue<unknown>): InputFault {
  return { pointer: `/${v.getDotPath(issue) ?? ""}`, detail: `expected ${issue.message}` };
}

function invalidConfig(faults: readonly InputFault[]): ServiceError {
  const text = faults.map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`).join("; ");
  return new ServiceError("INVALID_CONFIG", text, { faults });
}
