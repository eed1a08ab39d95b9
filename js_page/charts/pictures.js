// @ts-check
/** Pictures side by side. */

import { canvasOf } from "./colors.js";

/**
 * @param {HTMLElement} place
 * @returns {import("./types.js").View}
 */
export function makeImages(place) {
  /** @type {import("./types.js").Chart | undefined} */
  let drawn;
  return {
    draw(chart) {
      if (drawn === chart) return;
      drawn = chart;
      const { count, width, height, labels } = chart.data;
      const pixels = bytes(chart.data.pixels);
      const grid = document.createElement("div");
      grid.className = "wl-pictures";
      if (chart.options.columns) grid.style.gridTemplateColumns = `repeat(${chart.options.columns}, minmax(0, 112px))`;
      for (let i = 0; i < count; i++) {
        const { canvas, context } = canvasOf(width, height);
        const part = pixels.subarray(4 * width * height * i, 4 * width * height * (i + 1));
        context.putImageData(new ImageData(new Uint8ClampedArray(part), width, height), 0, 0);
        const cell = grid.appendChild(document.createElement("div"));
        cell.append(canvas);
        if (labels) cell.appendChild(document.createElement("span")).textContent = labels[i];
      }
      place.replaceChildren(grid);
    },
  };
}

/**
 * Files have bytes as text.
 * @param {Uint8Array | string} given
 */
export function bytes(given) {
  return typeof given === "string" ? Uint8Array.from(atob(given), (letter) => letter.charCodeAt(0)) : given;
}
