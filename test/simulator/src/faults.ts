/** How often each thing goes wrong. Rates are shares of what they apply to; weights are shares of all deeds. */
export interface Faults {
  /** Broadcasts that never arrive, arrive twice, or arrive after later ones. */
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
  /** Lines that are slow. */
  readonly delay: number
  /** Sessions that end in the middle of a byte stream. */
  readonly cut: number
  /** Reads that have to wait for the disk. */
  readonly slowReads: number
  /** Devices that acknowledge before the disk has it. */
  readonly os: number
  /** Devices whose member does what it should not. */
  readonly hostile: number
  /** Weights of deeds. */
  readonly partition: number
  readonly oneWay: number
  readonly crash: number
  readonly powerCut: number
  readonly fullDisk: number
  readonly restore: number
  readonly clone: number
  /** Restored and cloned stores that nothing on the machine tells from the original. */
  readonly silentCopy: number
  readonly clock: number
  readonly attack: number
}

export type FaultName = keyof Faults

export const ALL_FAULTS: Faults = {
  loss: 0.2,
  duplication: 0.1,
  reordering: 0.2,
  delay: 0.1,
  cut: 0.15,
  slowReads: 0.01,
  os: 0.3,
  hostile: 0.2,
  partition: 0.01,
  oneWay: 0.01,
  crash: 0.02,
  powerCut: 0.015,
  fullDisk: 0.005,
  restore: 0.005,
  clone: 0.004,
  silentCopy: 0.002,
  clock: 0.01,
  attack: 0.05
}

const NAMES = Object.keys(ALL_FAULTS) as FaultName[]

export const NO_FAULTS: Faults = Object.fromEntries(NAMES.map((name) => [name, 0])) as Record<
  FaultName,
  number
>

/**
 * Reads `all`, `none`, or names with or without a rate: `loss,crash=0.1`; a name with a minus is left out of all.
 *
 * @throws {RangeError} for what is none of these
 */
export function parseFaults(text: string): Faults {
  const parts = text.split(',').filter((part) => part !== '')
  const isByExclusion = parts.every((part) => part === 'all' || part.startsWith('-'))
  const faults: Record<FaultName, number> = { ...(isByExclusion ? ALL_FAULTS : NO_FAULTS) }
  for (const part of parts) {
    if (part === 'all') Object.assign(faults, ALL_FAULTS)
    if (part === 'all' || part === 'none') continue
    const [given = '', rate] = part.split('=')
    const isExcluded = given.startsWith('-')
    const name = NAMES.find((each) => each === given.replace(/^-/, ''))
    if (name === undefined) throw new RangeError(`there is no fault ${given}; there are: ${NAMES.join(', ')}`)
    faults[name] = isExcluded ? 0 : rate === undefined ? ALL_FAULTS[name] : Number(rate)
  }
  return faults
}
