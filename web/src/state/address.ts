/** The page's state in its address: the text, the pinned span, the enlarged head. */

import type { Span } from "../api";

/** Beyond this the address would be too long for the server to take back on a reload. */
export const LONGEST_QUERY = 8_000;

export interface Address {
  text: string | null;
  pin: Span | null;
  head: string | null;
}

export function parse(query: string): Address {
  const given = new URLSearchParams(query);
  const pin = given.get("pin")?.match(/^(\d{1,7})-(\d{1,7})$/);
  const head = given.get("head");
  return {
    text: given.get("text"),
    pin: pin ? { start: Number(pin[1]), end: Number(pin[2]) } : null,
    head: head && /^\d{1,3}\.\d{1,3}$/.test(head) ? head : null,
  };
}

/** The query for a state; null where the text is too long to travel in an address. */
export function write(address: Address): string | null {
  const query = new URLSearchParams();
  if (address.text !== null) query.set("text", address.text);
  if (address.pin) query.set("pin", `${address.pin.start}-${address.pin.end}`);
  if (address.head) query.set("head", address.head);
  const text = query.toString();
  return text.length > LONGEST_QUERY ? null : text;
}
