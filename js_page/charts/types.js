// @ts-check
/**
 * What Python says of charts; numbers that are none are null in files and NaN in pages.
 *
 * @typedef {ArrayLike<number | null>} Numbers
 * @typedef {{name: string, x: Numbers, y: Numbers}} Series
 * @typedef {{
 *   kind: string,
 *   title: string,
 *   text: string,
 *   data: Record<string, any>,
 *   options: Record<string, any>,
 * }} Chart
 * @typedef {Record<string, [number | Numbers, number | Numbers]>} Points x and y by the names of lines
 *
 * @typedef {{
 *   take?(chart: Chart): void,
 *   draw(chart: Chart, width: number): void,
 *   add?(points: Points): string,
 *   destroy?(): void,
 * }} View what draws a kind of chart; one that grows is given it by `take`, seen or not,
 *   and `add` says in words what is new
 *
 * @typedef {{headers: string[], rows: (string | number)[][]}} Table
 */
export {};
