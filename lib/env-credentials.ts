/**
 * Stands in for `@aws-sdk/credential-provider-node` in Lambda's bundles: there credentials are
 * always in the environment, and the other sources would double a bundle and its cold start.
 */

export { fromEnv as defaultProvider } from "@aws-sdk/credential-provider-env";
