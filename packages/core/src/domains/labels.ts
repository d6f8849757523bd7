import { type Alternative, DELETED } from '../entry/payload.ts'
import { checkedCopy, type MemoryValue } from '../entry/value.ts'
import { CoreError } from '../errors.ts'
import { MAX_LABEL_BYTES, MAX_TAGS } from '../limits.ts'

/**
 * A value as it is to be stored, without labels. What is given in may change before the disk has it, so it is copied.
 *
 * @throws {CoreError} `CORE_BAD_VALUE`, `CORE_VALUE_TOO_LARGE`
 */
export function valueToWrite(value: MemoryValue, contentType: string | undefined): Alternative {
  const copy = checkedCopy(value)
  const usual = copy instanceof Uint8Array ? 'application/octet-stream' : 'application/json'
  return { ...DELETED, kind: 'value', contentType: contentType ?? usual, value: copy }
}

/**
 * Refuses labels that a reader would refuse: an entry with one of them could be opened by nobody, its writer
 * included.
 *
 * @throws {CoreError} `CORE_BAD_OPTION`
 */
export function checkLabels(alternative: Alternative, agent: string | undefined): void {
  const { tags, category, contentType, expiresAt } = alternative
  if (tags.length > MAX_TAGS) throw badOption(`a memory has at most ${MAX_TAGS} tags`)
  for (const label of [...tags, category, contentType, agent]) {
    if (label === undefined) continue
    if (typeof label !== 'string' || !label.isWellFormed() || Buffer.byteLength(label) > MAX_LABEL_BYTES) {
      throw badOption(`a tag, category, content type or agent is a text of at most ${MAX_LABEL_BYTES} bytes`)
    }
  }
  if (expiresAt !== undefined && !(Number.isSafeInteger(expiresAt) && expiresAt >= 0)) {
    throw badOption('expiresAt is a time in whole milliseconds since 1970')
  }
}

export function badOption(problem: string): CoreError {
  return new CoreError('CORE_BAD_OPTION', `${problem}; nothing was written`)
}
