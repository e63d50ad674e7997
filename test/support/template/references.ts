/**
 * What a template's parts say of each other: every `Ref`, `Fn::GetAtt`, `Fn::Sub`, condition and
 * dependency has to name something there is.
 */

import type { Template } from "./template.ts";
import { attributesOf } from "./values.ts";

const PSEUDO_PARAMETERS = new Set(
  ["AccountId", "NoValue", "NotificationARNs", "Partition", "Region", "StackId", "StackName"]
    .map((name) => `AWS::${name}`)
    .concat("AWS::URLSuffix"),
);
const FUNCTIONS = new Set(
  ["And", "Base64", "Cidr", "Equals", "FindInMap", "GetAtt", "GetAZs", "If", "ImportValue", "Join"]
    .concat("Length", "Not", "Or", "Select", "Split", "Sub", "ToJsonString")
    .map((name) => `Fn::${name}`),
);

/** References to what is not there, each with the path of where it stands. */
export function referenceFaults(template: Template): string[] {
  const inResources = Object.entries(template.Resources).flatMap(([id, resource]) => [
    ...[resource.DependsOn ?? []]
      .flat()
      .filter((other) => !Object.hasOwn(template.Resources, other))
      .map((other) => `Resources/${id}/DependsOn: there is no resource ${other}`),
    ...conditionFaults(template, resource.Condition, `Resources/${id}/Condition`),
    ...faultsIn(template, resource.Properties, `Resources/${id}/Properties`),
  ]);
  return [
    ...inResources,
    ...faultsIn(template, template.Conditions, "Conditions"),
    ...faultsIn(template, template.Outputs, "Outputs"),
  ];
}

function faultsIn(template: Template, value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...functionFaults(template, { key, inner, path }),
    ...faultsIn(template, inner, `${path}/${key}`),
  ]);
}

function functionFaults(
  template: Template,
  { key, inner, path }: { readonly key: string; readonly inner: unknown; readonly path: string },
): string[] {
  if (key === "Ref") return nameFaults(template, String(inner), path);
  if (key === "Fn::GetAtt") {
    const [id = "", ...attribute] = Array.isArray(inner) ? inner : String(inner).split(".");
    return attributeFaults(template, { id, attribute: attribute.join("."), path });
  }
  if (key === "Fn::Sub") return substitutionFaults(template, inner, path);
  if (key === "Fn::If" && Array.isArray(inner))
    return conditionFaults(template, String(inner[0]), path);
  return key.startsWith("Fn::") && !FUNCTIONS.has(key) ? [`${path}: there is no ${key}`] : [];
}

function nameFaults(template: Template, name: string, path: string): string[] {
  const isKnown =
    PSEUDO_PARAMETERS.has(name) ||
    Object.hasOwn(template.Resources, name) ||
    Object.hasOwn(template.Parameters ?? {}, name);
  return isKnown ? [] : [`${path}: there is no resource or parameter ${name}`];
}

function attributeFaults(
  template: Template,
  {
    id,
    attribute,
    path,
  }: { readonly id: string; readonly attribute: string; readonly path: string },
): string[] {
  const resource = template.Resources[id];
  if (resource === undefined) return [`${path}: there is no resource ${id}`];
  // Of a type that does not exist, that alone is said.
  return (attributesOf(resource.Type) ?? [attribute]).includes(attribute)
    ? []
    : [`${path}: ${resource.Type} has no attribute ${attribute}`];
}

/** `${Name}` and `${Name.Attribute}`, unless the name is one of its own; `${!Name}` is text. */
function substitutionFaults(template: Template, inner: unknown, path: string): string[] {
  const [text, own] = (Array.isArray(inner) ? inner : [inner, {}]) as [string, object];
  return [...text.matchAll(/\$\{([^!{}][^{}]*)\}/g)]
    .map(([, name = ""]) => name.trim())
    .filter((name) => !Object.hasOwn(own, name))
    .flatMap((name) => {
      const [id = "", ...attribute] = name.split(".");
      return attribute.length === 0
        ? nameFaults(template, name, path)
        : attributeFaults(template, { id, attribute: attribute.join("."), path });
    });
}

function conditionFaults(template: Template, name: string | undefined, path: string): string[] {
  return name === undefined || Object.hasOwn(template.Conditions ?? {}, name)
    ? []
    : [`${path}: there is no condition ${name}`];
}
