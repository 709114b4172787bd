// What is where: pure functions. Lengths are device pixels, unless they are called picture pixels.
// A view is { x, y, scale }: the picture point in the middle of every pane, and device pixels per picture pixel.

export const TILE = 512;
export const MAX_SCALE = 32;
// prettier-ignore
const STEPS = [
  1 / 32, 1 / 24, 1 / 16, 1 / 12, 1 / 8, 1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32,
];

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// The whole picture in the pane. Small pictures are enlarged by whole factors only, so that all pixels stay equal.
export function fitScale(size, pane) {
  const fit = Math.min(pane.width / size.width, pane.height / size.height);
  return fit < 1 ? fit : Math.min(MAX_SCALE, Math.floor(fit));
}

export function minScale(size, pane) {
  return Math.min(1, fitScale(size, pane)) / 2;
}

export function nextStep(scale, direction) {
  const near = 1.001;
  if (direction > 0) return STEPS.find((step) => step > scale * near) || MAX_SCALE;
  return STEPS.findLast((step) => step < scale / near) || STEPS[0];
}

// The view with the picture kept in the pane: centred where it is smaller, without a gap where it is larger.
export function clampView(view, size, pane) {
  const along = (middle, length, room) => {
    const half = room / view.scale / 2;
    return length <= 2 * half ? length / 2 : clamp(middle, half, length - half);
  };
  return { scale: view.scale, x: along(view.x, size.width, pane.width), y: along(view.y, size.height, pane.height) };
}

// Where the picture's corner lies in a pane: whole device pixels, so that 100 % copies pixel by pixel.
export function origin(view, pane) {
  return { x: Math.round(pane.width / 2 - view.x * view.scale), y: Math.round(pane.height / 2 - view.y * view.scale) };
}

// The view with `scale` in which the picture point at (x, y) of the pane stays where it is.
export function zoomAt(view, pane, x, y, scale) {
  const corner = origin(view, pane);
  const at = { x: (x - corner.x) / view.scale, y: (y - corner.y) / view.scale };
  return { scale, x: at.x - (x - pane.width / 2) / scale, y: at.y - (y - pane.height / 2) / scale };
}

// The coarsest level that still has a pixel for every device pixel.
export function levelFor(scale, levels) {
  return scale >= 1 ? 0 : clamp(Math.floor(Math.log2(1 / scale) + 1e-9), 0, levels - 1);
}

// The tiles of `picture` seen in a pane, each with where it goes. `reference` is the size that the view counts in: a
// picture of another size (a smaller infrared one) is drawn over the same ground.
export function visibleTiles(picture, reference, view, pane) {
  const sx = (view.scale * reference.width) / picture.width;
  const sy = (view.scale * reference.height) / picture.height;
  const level = levelFor(Math.min(sx, sy), picture.levels);
  const span = TILE * 2 ** level; // in picture pixels
  const corner = origin(view, pane);
  const range = (from, scale, room, length) => {
    const low = Math.max(0, -from / scale);
    const high = Math.min(length, (room - from) / scale);
    return low < high ? [Math.floor(low / span), Math.ceil(high / span) - 1] : [0, -1];
  };
  const [left, right] = range(corner.x, sx, pane.width, picture.width);
  const [top, bottom] = range(corner.y, sy, pane.height, picture.height);
  const tiles = [];
  for (let y = top; y <= bottom; y += 1) {
    for (let x = left; x <= right; x += 1) {
      tiles.push({ level, x, y, ...place(x, y, span, picture, sx, sy, corner) });
    }
  }
  return { tiles, level, exact: Math.min(sx, sy) * 2 ** level >= 1 };
}

function place(x, y, span, picture, sx, sy, corner) {
  const endX = Math.min((x + 1) * span, picture.width);
  const endY = Math.min((y + 1) * span, picture.height);
  const left = corner.x + Math.round(x * span * sx);
  const top = corner.y + Math.round(y * span * sy);
  return {
    left,
    top,
    width: corner.x + Math.round(endX * sx) - left,
    height: corner.y + Math.round(endY * sy) - top,
    part: { width: (endX - x * span) / (span / TILE), height: (endY - y * span) / (span / TILE) }, // of the tile
  };
}

// The smallest whole number of CSS pixels that is a whole number of device pixels. Only what is placed and sized in
// such steps is put on the screen without resampling.
export function wholeStep(ratio) {
  for (let step = 1; step <= 10; step += 1) {
    if (Math.abs(step * ratio - Math.round(step * ratio)) < 0.01) return step;
  }
  return 1;
}

// Equal panes, in CSS pixels: how many columns show the picture largest. `first` columns (the usual order) are kept
// unless others make it much larger. `strip` is the height of the label above each pane.
export function columnsFor(count, area, gap, strip, size, first) {
  const scale = (columns) => {
    const pane = cell(count, columns, area, gap, strip, 1);
    return Math.min(pane.width / size.width, pane.height / size.height);
  };
  let best = Math.min(first, count);
  const usual = scale(best) * 1.25;
  for (let columns = 1; columns <= count; columns += 1) {
    if (scale(columns) > usual && scale(columns) > scale(best)) best = columns;
  }
  return best;
}

export function cell(count, columns, area, gap, strip, step) {
  const rows = Math.ceil(count / columns);
  const whole = (length) => Math.max(1, Math.floor(length / step)) * step;
  return {
    width: whole((area.width - gap * (columns - 1)) / columns),
    height: whole((area.height - gap * (rows - 1)) / rows - strip),
  };
}
