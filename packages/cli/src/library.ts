import type {
  CisSession,
  Domain,
  HomeResult,
  ImportOutcome,
  InitOptions,
  JoinOptions,
  RunNodeOptions,
  RunningNode,
  SessionOptions
} from 'cis-memory/session'

/** Which scope a directory belongs to, and the file that says so. */
export interface ScopeFile {
  readonly scope: string
  readonly file: string
}

export interface MarkdownImportOptions {
  /** A file, or a folder with all that lies below it. */
  readonly source: string
  /** Where to put the memories, within the session's scope. @default directly in it */
  readonly prefix?: string | undefined
  /** @default 'public' */
  readonly domain?: Domain | undefined
  /** Say what would happen, and write nothing. @default false */
  readonly dryRun?: boolean | undefined
  readonly signal?: AbortSignal
}

/** What became of one memory of an import, and how far the import is. */
export interface Imported extends ImportOutcome {
  readonly done: number
  readonly total: number
}

/** What the command needs of `cis-memory`. Tests give their own. */
export interface Library {
  openSession(options: SessionOptions): Promise<CisSession>
  /** @throws {CisError} `CIS_HOME_EXISTS` */
  initHome(options: InitOptions): Promise<HomeResult>
  joinHome(options: JoinOptions): Promise<HomeResult>
  runNode(options: RunNodeOptions): Promise<RunningNode>
  /** @throws {CisError} `CIS_NO_SCOPE`, `CIS_BAD_SCOPE_FILE` */
  findScope(directory: string): Promise<ScopeFile>
  /** @throws {CisError} `CIS_BAD_SCOPE_FILE` */
  writeScopeFile(directory: string, scope: string): Promise<ScopeFile>
  /** One memory a heading of a Markdown file, or of every Markdown file in a folder. */
  importMarkdown(session: CisSession, options: MarkdownImportOptions): AsyncIterable<Imported>
}
