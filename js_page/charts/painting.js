// @ts-check
/** When charts are drawn: as the page is about to be painted, and no more of them than a frame has time for. */

// Of the 16 that a frame lasts: a chart that takes longer is the last of its frame.
const FRAME_MS = 1;

/** Those that wait, the longest waiting first. @type {Set<() => void>} */
const waiting = new Set();
let isAsked = false;

/**
 * Have something drawn, once, however often it is asked for until then.
 * @param {() => void} draw
 */
export function paint(draw) {
  waiting.add(draw);
  ask();
}

/** @param {() => void} draw is no longer to be drawn */
export function forget(draw) {
  waiting.delete(draw);
}

function ask() {
  if (isAsked || !waiting.size) return;
  isAsked = true;
  requestAnimationFrame(drawSome);
}

async function drawSome() {
  isAsked = false;
  const begun = performance.now();
  try {
    for (const draw of waiting) {
      waiting.delete(draw);
      draw();
      // lines are drawn by uPlot when the call is over
      await null;
      if (performance.now() - begun > FRAME_MS) break;
    }
  } finally {
    ask();
  }
}
