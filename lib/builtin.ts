/**
 * Modules of Node.js that are costly to import. An import reads all exports of a module, and of
 * `node:http` one is undici, of `node:util` one is a parser of arguments: a third of a cold start in
 * all. Asked for like this nothing is loaded but the module, and that when it is needed.
 */

/** `node:http`. */
export const http = process.getBuiltinModule("node:http");

/** Of `node:util`. */
export const { promisify } = process.getBuiltinModule("node:util");

/** `node:https`. */
export const loadHttps = () => process.getBuiltinModule("node:https");

/** `node:worker_threads`. */
export const loadWorkerThreads = () => process.getBuiltinModule("node:worker_threads");

/** `node:zlib`. */
export const loadZlib = () => process.getBuiltinModule("node:zlib");
