// @ts-check
/** The glue of weblayers: what Python needs of the browser to compute with WebGL2 and with WebAssembly. */

import { WasmDevice } from "./wasm/device.js";
import { Device } from "./webgl/device.js";

export { Device, WasmDevice };

/**
 * @param {import("./webgl/device.js").Options} [options]
 * @throws {Error} with a plain reason where the browser cannot do it
 */
export function createDevice(options) {
  return new Device(options);
}

/** @throws {Error} where the browser has no WebAssembly SIMD */
export function createWasmDevice() {
  return new WasmDevice();
}
