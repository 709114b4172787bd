// The texts of the pages, in the language of the page.

const meta = document.querySelector('meta[name="texts"]');
const TEXTS = meta ? JSON.parse(meta.content) : {};
const PLURALS = new Intl.PluralRules(document.documentElement.lang || "en");

// The text of a key, `values` filled in.
export function t(key, values = {}) {
  return (TEXTS[key] ?? key).replace(/\{(\w+)\}/g, (found, name) => (name in values ? values[name] : found));
}

// As t, in the form that the language has for `n` things.
export function tn(key, n, values = {}) {
  const form = `${key}_${PLURALS.select(n)}`;
  return t(form in TEXTS ? form : `${key}_other`, { n, ...values });
}
