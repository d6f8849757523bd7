/* Base32 (RFC 4648 §6) in lower case without padding: one word to a double click, and no letters that look alike. */

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

export function toBase32(bytes: Uint8Array): string {
  let text = ''
  let pending = 0
  let bits = 0
  for (const byte of bytes) {
    pending = (pending << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[pending >> bits]
      pending &= (1 << bits) - 1
    }
  }
  return bits === 0 ? text : text + ALPHABET[pending << (5 - bits)]
}

/** The bytes of a text in its one form, or `undefined` for any other text. */
export function fromBase32(text: string): Uint8Array | undefined {
  const bytes: number[] = []
  let pending = 0
  let bits = 0
  for (const letter of text) {
    const value = ALPHABET.indexOf(letter)
    if (value < 0) return undefined
    pending = (pending << 5) | value
    bits += 5
    if (bits >= 8) {
      bits -= 8
      bytes.push(pending >> bits)
      pending &= (1 << bits) - 1
    }
  }
  return bits >= 5 || pending !== 0 ? undefined : Uint8Array.from(bytes)
}
