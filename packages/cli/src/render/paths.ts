import { printableLine } from './terminal-text.ts'

/** A memory's name as it reads from within a scope: `config/timeout` rather than `/acme/web/config/timeout`. */
export function keyWithin(scope: string, path: string): string {
  const prefix = scope === '/' ? '/' : `${scope}/`
  return printableLine(path.startsWith(prefix) ? path.slice(prefix.length) : path)
}
