const BAR_CELLS = 24

/** How far long work is, in a line: `[======>                 ]  250 of 1000`. */
export function progressBar(done: number, total: number): string {
  const cells = total === 0 ? BAR_CELLS : Math.floor((done / total) * BAR_CELLS)
  const head = cells < BAR_CELLS ? '>' : ''
  const bar = `${'='.repeat(cells)}${head}`.padEnd(BAR_CELLS)
  return `[${bar}] ${String(done).padStart(String(total).length)} of ${total}`
}
