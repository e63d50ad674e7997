/**
 * The one file of prom-client that is used at run time: its index loads ten times as much, summaries
 * and default metrics among it.
 */
declare module "prom-client/lib/registry.js" {
  import { Registry } from "prom-client";
  export default Registry;
}
