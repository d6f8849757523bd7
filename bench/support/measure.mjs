import { cpus } from 'node:os'

/** The middle of some figures. */
export function median(figures) {
  const sorted = [...figures].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

/** Milliseconds that a job takes. */
export async function timed(job) {
  const before = performance.now()
  await job()
  return performance.now() - before
}

/** Runs jobs with a number of them in flight. */
export async function inFlight(count, total, job) {
  let next = 0
  const work = async () => {
    while (next < total) await job(next++)
  }
  await Promise.all(Array.from({ length: count }, work))
}

/** Prints the question, a table with the median and the spread of each row, and the machine. */
export function report(question, rows) {
  console.log(`\n${question}`)
  const table = rows.map(({ name, figures, unit, ratio }) => ({
    name,
    median: `${round(median(figures))} ${unit}`,
    spread: `${round(Math.min(...figures))} to ${round(Math.max(...figures))}`,
    ...(ratio !== undefined && { ratio: round(ratio) })
  }))
  console.table(table)
  console.log(`${process.version}, ${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}`)
}

function round(figure) {
  return figure >= 100 ? Math.round(figure) : Number(figure.toPrecision(3))
}
