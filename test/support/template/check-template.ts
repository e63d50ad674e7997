/**
 * Holds a CloudFormation template against CloudFormation's current resource specification, as AWS
 * publishes it for its CDK: types, properties, required ones, kinds of value, and references.
 */

import type { Template } from "./template.ts";
import { referenceFaults } from "./references.ts";
import { attributesOf, valueFaults, type Value } from "./values.ts";

/** What a resource may have beside its type and properties. */
const RESOURCE_KEYS = new Set([
  "Type",
  "Properties",
  "Condition",
  "CreationPolicy",
  "DeletionPolicy",
  "DependsOn",
  "Metadata",
  "UpdatePolicy",
  "UpdateReplacePolicy",
]);
const TEMPLATE_KEYS = new Set([
  "AWSTemplateFormatVersion",
  "Conditions",
  "Description",
  "Mappings",
  "Metadata",
  "Outputs",
  "Parameters",
  "Resources",
  "Rules",
  "Transform",
]);

/** Everything wrong with a template, each with its path; nothing when it is valid. */
export function checkTemplate(template: Template): string[] {
  return [
    ...unknownKeys(template, TEMPLATE_KEYS, ""),
    ...Object.entries(template.Resources).flatMap(([id, resource]) => resourceFaults(id, resource)),
    ...referenceFaults(template),
  ];
}

function resourceFaults(id: string, resource: Template["Resources"][string]): string[] {
  const path = `Resources/${id}`;
  const known = attributesOf(resource.Type);
  if (known === undefined) return [`${path}: there is no resource type ${resource.Type}`];
  return [
    ...unknownKeys(resource, RESOURCE_KEYS, `${path}/`),
    ...valueFaults(resource.Type, (resource.Properties ?? {}) as Value, `${path}/Properties`),
  ];
}

function unknownKeys(object: object, known: ReadonlySet<string>, path: string): string[] {
  return Object.keys(object)
    .filter((key) => !known.has(key))
    .map((key) => `${path}${key}: there is no such section`);
}
