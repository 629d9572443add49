/** Numbers as the figures show them: three significant digits, a true minus. */

export const MINUS = "−";

export function three(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const plain = value.toPrecision(3);
  const size = Math.abs(value);
  const text = size >= 0.001 && !plain.includes("e") ? plain : value.toExponential(2).replace("e+", "e");
  return text.replaceAll("-", MINUS);
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
