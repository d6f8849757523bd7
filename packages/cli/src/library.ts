type CisMemory = typeof import('cis-memory/session')

/** What the command needs of `cis-memory`. Tests give their own. */
export type Library = Pick<
  CisMemory,
  | 'examineHome'
  | 'exportMemories'
  | 'findScope'
  | 'importMemories'
  | 'initHome'
  | 'joinHome'
  | 'openSession'
  | 'runNode'
  | 'writeScopeFile'
>
