// The experiment in the address of the page: what differs from the usual one, as JSON.

export function toHash(experiment, usual) {
  const told = differences(experiment, usual) ?? {};
  return `#${encodeURIComponent(JSON.stringify(told)).replace(/%(7B|7D|22|3A|2C|5B|5D)/g, decodeURIComponent)}`;
}

export function fromHash(hash) {
  if (hash.length < 2) return null;
  return JSON.parse(decodeURIComponent(hash.slice(1)));
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function differences(value, usual) {
  if (JSON.stringify(value) === JSON.stringify(usual)) return undefined;
  if (!isObject(value) || !isObject(usual)) return value;
  const kept = Object.entries(value).map(([name, each]) => [name, differences(each, usual[name])]);
  return Object.fromEntries(kept.filter(([, each]) => each !== undefined));
}
