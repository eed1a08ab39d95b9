// @ts-check
/** The worker's end of host.js. */

import { createProgram } from "./program.js";

const program = createProgram((event) => postMessage({ event }));

onmessage = async ({ data: { id, command, args } }) => {
  try {
    postMessage({ id, result: await program[command](...args) });
  } catch (error) {
    postMessage({ id, error: error instanceof Error ? error.message : String(error) });
  }
};

postMessage("started");
