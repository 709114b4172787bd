// Tiles of pictures: fetched a few at a time, those on screen first, decoded off the page's thread, and the ones
// used longest ago given back.

import { backoff, say } from "./common.js";
import { t } from "./texts.js";
import { TILE } from "./geometry.js";

const KEPT = 256; // tiles, a megabyte each when decoded
const LANES = 4; // the browser opens six connections; a vote must never wait behind pictures

export const tileUrl = (picture, level, x, y) => `/tile/${picture.id}/${level}/${x}/${y}`;

export class Tiles {
  constructor() {
    this.bitmaps = new Map(); // url -> ImageBitmap, least recently used first
    this.groups = new Map([
      ["view", []],
      ["ahead", []],
    ]); // in order of importance
    this.loading = new Map(); // url -> AbortController
    this.waiters = [];
    this.onload = () => {};
    this.failures = 0;
  }

  get(url) {
    const bitmap = this.bitmaps.get(url);
    if (bitmap) {
      this.bitmaps.delete(url);
      this.bitmaps.set(url, bitmap);
    }
    return bitmap || null;
  }

  // The tile, or the part of a coarser one that covers the same ground: { bitmap, x, y, width, height, own }.
  find(picture, { level, x, y, part }) {
    for (let up = 0; level + up < picture.levels; up += 1) {
      const bitmap = this.get(tileUrl(picture, level + up, x >> up, y >> up));
      if (!bitmap) continue;
      const share = 1 / 2 ** up;
      const offset = (index) => (index % 2 ** up) * TILE * share;
      return {
        bitmap,
        x: offset(x),
        y: offset(y),
        width: part.width * share,
        height: part.height * share,
        own: up === 0,
      };
    }
    return null;
  }

  // Ask for `urls` on behalf of `group`, in this order, instead of what it wanted before.
  want(group, urls) {
    this.groups.set(group, urls);
    const wanted = this.wanted();
    for (const [url, controller] of this.loading) {
      if (!wanted.has(url)) {
        controller.abort();
        this.loading.delete(url);
      }
    }
    this.pump();
  }

  wanted() {
    return new Set([...this.groups.values()].flat());
  }

  has(urls) {
    return urls.every((url) => this.bitmaps.has(url));
  }

  // Resolves when all of `urls` have been there at once.
  ready(urls) {
    if (this.has(urls)) return Promise.resolve();
    return new Promise((resolve) => this.waiters.push({ urls, resolve }));
  }

  pump() {
    for (const url of this.wanted()) {
      if (this.loading.size >= LANES) return;
      if (!this.bitmaps.has(url) && !this.loading.has(url)) this.fetch(url);
    }
  }

  async fetch(url) {
    const controller = new AbortController();
    this.loading.set(url, controller);
    for (let attempt = 0; !controller.signal.aborted; attempt += 1) {
      try {
        const response = await fetch(url, { signal: controller.signal });
        if (!response.ok) throw new Error(t("server_answered", { status: response.status }));
        const bitmap = await createImageBitmap(await response.blob());
        if (controller.signal.aborted) return bitmap.close();
        this.keep(url, bitmap);
        break;
      } catch (error) {
        if (controller.signal.aborted) return undefined;
        const why = error instanceof TypeError ? t("unreachable") : error.message;
        say("loading", t("picture_failed", { reason: why }));
        this.failures += 1;
        await backoff(attempt);
      }
    }
    return this.pump();
  }

  keep(url, bitmap) {
    this.loading.delete(url);
    this.bitmaps.set(url, bitmap);
    if (this.failures) say("loading", "");
    this.failures = 0;
    this.evict();
    this.waiters = this.waiters.filter(({ urls, resolve }) => !this.has(urls) || resolve());
    this.onload();
  }

  evict() {
    if (this.bitmaps.size <= KEPT) return;
    const wanted = this.wanted();
    for (const [url, bitmap] of this.bitmaps) {
      if (this.bitmaps.size <= KEPT) return;
      if (wanted.has(url)) continue;
      this.bitmaps.delete(url);
      bitmap.close();
    }
  }
}
