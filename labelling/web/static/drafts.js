// What somebody has begun to answer: kept in the browser for each picture until the answer is saved, and there again
// after a reload, a skip, or a crash.

const prefix = "loupe-draft:";
const memory = new Map(); // where the browser keeps nothing

export class Drafts {
  // Of a set; its token is the same in every page of this observer and nobody else's.
  constructor(set) {
    this.prefix = `${prefix}${set}:`;
    this.kept = true;
  }

  key(showing) {
    return this.prefix + showing.draft;
  }

  read(showing) {
    const key = this.key(showing);
    try {
      return JSON.parse(localStorage.getItem(key)) || memory.get(key) || null;
    } catch {
      return memory.get(key) || null;
    }
  }

  // `draft` null forgets it.
  write(showing, draft) {
    const key = this.key(showing);
    if (!draft) return forget(key);
    memory.set(key, draft);
    try {
      localStorage.setItem(key, JSON.stringify(draft));
      this.kept = true;
    } catch {
      this.kept = false;
    }
  }
}

export function forget(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // It was never there.
  }
}
