// @ts-check
/** The glue of weblayers: what Python needs of the browser to compute with WebGL2. */

import { Device } from "./device.js";

export { Device };

/**
 * @param {import("./device.js").Options} [options]
 * @throws {Error} with a plain reason where the browser cannot do it
 */
export function createDevice(options) {
  return new Device(options);
}
