/*
 * Everything that reads bytes or text which somebody else may have written: on the wire, on the disk, in a file that is
 * imported, in a code or an address that is typed.
 */
import { entries } from './decoders/entries.ts'
import { files } from './decoders/files.ts'
import { rows } from './decoders/rows.ts'
import { wire } from './decoders/wire.ts'
import type { Decoder } from './fuzz.ts'

export const decoders: readonly Decoder[] = [...entries, ...rows, ...wire, ...files]
