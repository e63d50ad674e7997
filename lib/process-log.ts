/** The log of this process, made when it starts. */

import { functionConfig } from "./config/function-config.ts";
import { logConfig } from "./config/log-config.ts";
import { readConfigOrDefaults } from "./config/read-config.ts";
import { createLog, type Log } from "./log.ts";

/** A bad level is as good as none: in another team's function `LOG_LEVEL` may be another logger's. */
const { config } = readConfigOrDefaults({ own: functionConfig, log: logConfig });

export const log: Log = createLog({
  level: config.log.level,
  fields: { service: config.own.service },
});
