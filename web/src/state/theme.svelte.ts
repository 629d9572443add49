/** Light or dark: the system's choice until the reader makes another. */

import type { Scheme } from "../charts/scales";

export type Choice = "system" | Scheme;

const KEY = "cutaway-theme";
const CHOICES: readonly Choice[] = ["system", "light", "dark"];

class Theme {
  choice = $state<Choice>("system");
  #system = $state<Scheme>("light");

  get scheme(): Scheme {
    return this.choice === "system" ? this.#system : this.choice;
  }

  /** Called once, before the first paint. */
  start(): void {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => (this.#system = dark.matches ? "dark" : "light");
    follow();
    dark.addEventListener("change", follow);
    this.choose(CHOICES.find((choice) => choice === stored()) ?? "system");
  }

  choose(choice: Choice): void {
    this.choice = choice;
    if (choice === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // Storage may be forbidden; the choice then lasts as long as the page.
    }
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const theme = new Theme();
