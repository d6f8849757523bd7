import { describe, expect, it } from 'vitest'
import { Output } from '../src/output.ts'

function output(flags: { isTTY?: boolean; isJson?: boolean; isQuiet?: boolean; TERM?: string }): {
  output: Output
  stdout: () => string
  stderr: () => string
} {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: flags.isTTY ?? false,
    write: (chunk: string | Uint8Array) => {
      texts[name] += String(chunk)
      return true
    },
    once: () => {}
  })
  return {
    output: new Output({
      stdout: stream('stdout'),
      stderr: stream('stderr'),
      env: { NO_COLOR: '1', TERM: flags.TERM },
      isJson: flags.isJson ?? false,
      isQuiet: flags.isQuiet ?? false
    }),
    stdout: () => texts.stdout,
    stderr: () => texts.stderr
  }
}

describe('output', () => {
  it('keeps talk away from data, and tells failures whatever was asked for', async () => {
    for (const flags of [{ isJson: true }, { isQuiet: true }]) {
      const { output: silent, stdout, stderr } = output(flags)
      silent.talk('hello')
      await silent.line('data')
      silent.complain('broken')
      expect([stdout(), stderr()]).toEqual(['data\n', 'broken\n'])
    }
  })

  it('shows progress on a terminal only, and lets the next line replace it', () => {
    const terminal = output({ isTTY: true })
    terminal.output.progress('1 of 2')
    terminal.output.progress('2 of 2')
    terminal.output.talk('done')
    expect(terminal.stderr()).toBe('1 of 2\r\u001b[K2 of 2\r\u001b[Kdone\n')
    for (const flags of [{}, { isTTY: true, isQuiet: true }, { isTTY: true, TERM: 'dumb' }]) {
      const plain = output(flags)
      plain.output.progress('1 of 2')
      expect(plain.stderr()).toBe('')
    }
  })

  it('waits for a slow reader', async () => {
    let drain = (): void => {}
    const slow = {
      write: () => false,
      once: (_: 'drain', listener: () => void) => {
        drain = listener
      }
    }
    const { output: usual } = output({})
    const waiting = new Output({ stdout: slow, stderr: slow, env: {}, isJson: false, isQuiet: false })
    let isWritten = false
    const written = waiting.line('x').then(() => {
      isWritten = true
    })
    await usual.line('another stream is not held up')
    expect(isWritten).toBe(false)
    drain()
    await written
    expect(isWritten).toBe(true)
  })
})
