/** Tokens put together by the word they come from, in order. */

import type { Token, Try } from "../../api";

export interface Group<T extends Token> {
  word: number | null;
  /** Index of the first token. */
  at: number;
  tokens: T[];
}

export function groupTokens<T extends Token>(tokens: readonly T[]): Group<T>[] {
  const groups: Group<T>[] = [];
  tokens.forEach((token, at) => {
    const last = groups.at(-1);
    if (last && token.word !== null && last.word === token.word) last.tokens.push(token);
    else groups.push({ word: token.word, at, tokens: [token] });
  });
  return groups;
}

function perWord(tries: readonly Try[], counts: (one: Try) => boolean): Map<number, number> {
  const found = new Map<number, number>();
  for (const one of tries) {
    if (one.word !== null) found.set(one.word, (found.get(one.word) ?? 0) + (counts(one) ? 1 : 0));
  }
  return found;
}

/** The word whose search is worth showing when none is pointed at: the first that took most pieces. */
export function mostCut(tries: readonly Try[]): number | null {
  let best: number | null = null;
  let most = -1;
  for (const [word, pieces] of perWord(tries, (one) => one.found)) {
    if (pieces > most) [best, most] = [word, pieces];
  }
  return best;
}

/** The number of tries of the word that took most. */
export function mostTries(tries: readonly Try[]): number {
  return Math.max(0, ...perWord(tries, () => true).values());
}
