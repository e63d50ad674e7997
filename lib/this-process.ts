/** What a process has once, made when it starts: its configuration and its log. */

import { loadConfig } from "./config.ts";
import { createLog, type Log } from "./log.ts";

/**
 * The configuration of this process, read once.
 * @throws {ServiceError} `INVALID_CONFIG`, when the module is loaded, naming each bad variable.
 */
export const config = loadConfig();

/** The log of this process. */
export const log: Log = createLog({ level: config.logLevel, fields: { service: config.service } });
