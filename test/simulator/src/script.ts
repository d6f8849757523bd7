import type { Faults } from './faults.ts'
import type { Cut } from './network.ts'

/** What a writer says it has seen. */
export type BaseKind = 'none' | 'remembered' | 'read' | 'overwrite'

/** Ways in which a member attacks another. */
export const ATTACKS = [
  'inflate',
  'claim-the-unwritten',
  'deflate',
  'equivocate',
  'date-ahead',
  'break-signature',
  'twist-signature',
  'impersonate',
  'misattest',
  'seal-garbage',
  'misplace',
  'bomb-payload',
  'flood',
  'replay',
  'replay-frame',
  'malform',
  'oversize',
  'bomb-frame',
  'say-nothing',
  'omit',
  'lie-about-tip'
] as const
export type AttackKind = (typeof ATTACKS)[number]

/**
 * One thing that somebody does or that happens to somebody. Devices, paths and picks are numbers that wrap around, so
 * that every deed means something after others were taken out of a script.
 */
export type Deed =
  | {
      readonly type: 'put' | 'delete'
      readonly device: number
      readonly path: number
      readonly base: BaseKind
      /** Between what it reads and what it writes. */
      readonly thinkMs: number
    }
  | { readonly type: 'burst'; readonly device: number; readonly path: number; readonly count: number }
  | { readonly type: 'private'; readonly device: number; readonly path: number }
  | { readonly type: 'read'; readonly device: number; readonly path: number }
  | { readonly type: 'undo'; readonly device: number; readonly path: number }
  | { readonly type: 'broadcast'; readonly device: number; readonly path: number }
  | { readonly type: 'edit'; readonly device: number; readonly path: number; readonly thinkMs: number }
  | {
      readonly type: 'resolve'
      readonly device: number
      readonly path: number
      readonly choice: 'local' | 'remote' | 'both' | 'one' | 'value' | 'delete'
      readonly pick: number
      readonly thinkMs: number
    }
  | {
      readonly type: 'deliver'
      readonly device: number
      readonly scope: number
      readonly onConflict: 'abort' | 'finish'
      readonly path: number
      readonly thinkMs: number
    }
  | {
      readonly type: 'sync'
      readonly device: number
      readonly peer: number
      readonly direction: 'push' | 'pull' | 'both'
      readonly scope: number
      readonly share: number
      /** Whether the session stays open for the next sync of these two. */
      readonly isKept: boolean
      readonly cut?: Cut
    }
  | {
      readonly type: 'partition'
      readonly device: number
      readonly peer: number
      readonly ms: number
      readonly kind: 'one-way' | 'pair' | 'alone'
    }
  | {
      readonly type: 'crash'
      readonly device: number
      readonly isPowerCut: boolean
      /** At which of its next writes; 0 is now. */
      readonly atWrite: number
      readonly isLanded: boolean
      readonly kept: number
      readonly downMs: number
    }
  | { readonly type: 'restart' | 'back-up'; readonly device: number }
  | { readonly type: 'fill-disk'; readonly device: number; readonly ms: number }
  | { readonly type: 'restore'; readonly device: number; readonly isSilent: boolean; readonly downMs: number }
  | { readonly type: 'clone'; readonly device: number; readonly isSilent: boolean }
  | { readonly type: 'set-clock'; readonly device: number; readonly offsetMs: number }
  | {
      readonly type: 'attack'
      readonly device: number
      readonly victim: number
      readonly kind: AttackKind
      readonly path: number
      readonly pick: number
    }

/** A deed with how long after the one before it is done. */
export type Action = Deed & { readonly gapMs: number }

/** All that a simulation follows from. */
export interface Script {
  readonly seed: number
  readonly replicas: number
  readonly faults: Faults
  readonly actions: readonly Action[]
}
