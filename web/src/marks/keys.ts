/** Arrow keys along a row of tokens: one stop for Tab, the arrows move inside. */

const MOVES: Record<string, (at: number, last: number) => number> = {
  ArrowLeft: (at) => Math.max(at - 1, 0),
  ArrowUp: (at) => Math.max(at - 1, 0),
  ArrowRight: (at, last) => Math.min(at + 1, last),
  ArrowDown: (at, last) => Math.min(at + 1, last),
  Home: () => 0,
  End: (_, last) => last,
};

export function arrows(row: HTMLElement): () => void {
  const items = () => Array.from(row.querySelectorAll<HTMLElement>("[data-stop]"));

  function move(event: KeyboardEvent): void {
    const all = items();
    const at = all.indexOf(document.activeElement as HTMLElement);
    const next = MOVES[event.key]?.(at, all.length - 1);
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    all[next]?.focus();
  }

  function stopHere(event: FocusEvent): void {
    for (const item of items()) item.tabIndex = item === event.target ? 0 : -1;
  }

  row.addEventListener("keydown", move);
  row.addEventListener("focusin", stopHere);
  return () => {
    row.removeEventListener("keydown", move);
    row.removeEventListener("focusin", stopHere);
  };
}
