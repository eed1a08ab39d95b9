// @ts-check
/** Host scalars: learning rates, step counters and what follows from them, in double precision. */

/** @param {number} x half to even */
function round(x) {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** @param {number} a @param {number} b has the result's sign, as in Python */
function mod(a, b) {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** @param {number} x */
function erf(x) {
  if (!(Math.abs(x) <= 6)) return Math.sign(x);
  // all terms have one sign: nothing is lost
  let sum = 0;
  for (let term = x, n = 1; term !== 0 && sum + term !== sum; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** @type {Record<string, (a: number, b: number, c: number) => number>} */
export const OPERATIONS = {
  neg: (a) => -a,
  abs: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  rsqrt: (a) => 1 / Math.sqrt(a),
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  sigmoid: (a) => 1 / (1 + Math.exp(-a)),
  relu: (a) => (a < 0 ? 0 : a),
  erf,
  isnan: (a) => Number(Number.isNaN(a)),
  not: (a) => Number(a === 0),
  stop_gradient: (a) => a,
  cast_int32: Math.trunc,
  // as NumPy and C do: the last eight bits
  cast_uint8: (a) => Math.trunc(a) & 255,
  cast_float32: (a) => a,
  cast_bool: (a) => Number(a !== 0),
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  // 1 where NumPy and C say so
  pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b),
  max: Math.max,
  min: Math.min,
  mod,
  atan2: Math.atan2,
  eq: (a, b) => Number(a === b),
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  and: (a, b) => Number(a !== 0 && b !== 0),
  or: (a, b) => Number(a !== 0 || b !== 0),
  where: (a, b, c) => (a !== 0 ? b : c),
};

/**
 * @param {number} inputs how many registers are given
 * @param {any[][]} ops each `[name, ...registers]` or `["const", value]`; appends a register
 * @returns {(values: ArrayLike<number>) => Float64Array} fills and gives the registers, always the same array
 */
export function evaluator(inputs, ops) {
  const registers = new Float64Array(inputs + ops.length);
  /** @type {{at: number, fn: (a: number, b: number, c: number) => number, a: number, b: number, c: number}[]} */
  const steps = [];
  ops.forEach(([name, a, b, c], i) => {
    const at = inputs + i;
    if (name === "const") {
      // a number, or the name of one that JSON has not: "Infinity"
      registers[at] = Number(a);
      return;
    }
    const fn = OPERATIONS[name];
    if (!fn) throw new Error(`unknown scalar operation ${name}`);
    steps.push({ at, fn, a, b: b ?? a, c: c ?? a });
  });
  return (values) => {
    for (let i = 0; i < inputs; i++) registers[i] = values[i];
    for (const { at, fn, a, b, c } of steps) registers[at] = fn(registers[a], registers[b], registers[c]);
    return registers;
  };
}
