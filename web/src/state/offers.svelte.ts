/** What the figures can be drawn of: the package's own, and what was trained here. Asked for once a page. */

import { get, type Offers } from "../api";

class Offered {
  all = $state.raw<Offers | null>(null);

  /** Read the list anew: a training may have ended since. A page does without it while the lab is away. */
  async list(): Promise<void> {
    try {
      this.all = await get("/api/offers");
    } catch {
      // The page's own question says what is wrong.
    }
  }
}

export const offers = new Offered();
