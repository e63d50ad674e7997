/** A secret as it may be written: plain, percent-encoded, in base64, as Basic credentials, in JSON. */
export function formsOf(secret: string, username: string): string[] {
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  return [
    secret,
    encodeURIComponent(secret),
    base64(secret),
    base64(`${username}:${secret}`),
    JSON.stringify(secret).slice(1, -1),
  ];
}
