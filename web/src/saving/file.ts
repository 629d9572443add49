/** Hand a figure to the reader: as a file, or to the clipboard. Nothing of it leaves the machine. */

import { pngOf } from "./png";
import { pictureOf } from "./shapes";
import { svgOf } from "./svg";

export type Format = "SVG" | "PNG" | "CSV";

const TYPES: Record<Format, string> = { SVG: "image/svg+xml", PNG: "image/png", CSV: "text/csv" };

async function made(format: Format, figure: HTMLElement, name: string, csv: string): Promise<Blob> {
  if (format === "CSV") return new Blob([csv], { type: TYPES.CSV });
  const picture = pictureOf(figure, name);
  return format === "PNG" ? pngOf(picture) : new Blob([svgOf(picture, csv)], { type: TYPES.SVG });
}

export async function save(format: Format, figure: HTMLElement, name: string, csv: string): Promise<void> {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await made(format, figure, name, csv));
  link.download = `${slug(name)}.${format.toLowerCase()}`;
  link.click();
  // The download has begun by then; kept longer, each saved figure would stay in memory.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export async function copy(format: Format, figure: HTMLElement, name: string, csv: string): Promise<void> {
  const blob = await made(format, figure, name, csv);
  if (format === "PNG") await navigator.clipboard.write([new ClipboardItem({ [TYPES.PNG]: blob })]);
  else await navigator.clipboard.writeText(await blob.text());
}

/** A name as a file may have it. */
export function slug(name: string): string {
  return (
    name
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, "-")
      .replace(/^-|-$/g, "")
      .slice(0, 60) || "figure"
  );
}
