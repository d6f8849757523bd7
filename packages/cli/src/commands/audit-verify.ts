import type { AuditHead, AuditProblem, AuditVerdict } from 'cis-memory/session'
import { type Command, InvalidArgumentError } from 'commander'
import { action, type Registration } from '../action.ts'
import { CliError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { count } from '../render/time.ts'

interface VerifyOptions {
  readonly head?: AuditHead
}

const PROBLEMS: Readonly<Record<AuditProblem, string>> = {
  missing: 'it is gone',
  altered: 'it is not what was written',
  unreadable: 'its row failed authentication: it was altered on disk',
  unsigned: 'the log has lost the seal of this device, so that nobody can tell what is missing at its end',
  rewritten:
    'it is not the record of the head that was noted: the log was written anew, or put back from elsewhere'
}

export function registerAuditVerify(audit: Command, registration: Registration): void {
  audit
    .command('verify')
    .description('Check that no record was altered or removed; exit code 1 when one was')
    .option('--head <head>', 'what an earlier run printed: the log must still have it', parseHead)
    .addHelpText(
      'after',
      `
A log whose end was cut off together with its seal is whole in itself. Note the head that this prints where nobody who
could do that can reach, and give it next time.`
    )
    .action(action(registration, verifyAudit))
}

async function verifyAudit(cli: Invocation, { head: noted }: VerifyOptions): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.device()
  const verdict = await session.call('audit.verify', { noted }, { signal: host.signal })
  if (output.isJson) {
    await output.record(verdictRecord(verdict))
    return verdict.state === 'intact' ? EXIT.done : EXIT.failure
  }
  if (verdict.state === 'broken') throw brokenLog(verdict)
  const { records, head } = verdict
  if (head === undefined) {
    output.talk('Nothing is on record yet.')
    return EXIT.done
  }
  await output.line(
    `${output.dataColors.green('intact')}  ${count(records, 'record')}  head ${headText(head)}`
  )
  if (verdict.noted === 'found') output.talk('The noted head is among them.')
  if (verdict.noted === 'too-old') {
    output.talk(
      'The noted head is older than every record that is kept, so it could not be compared. Note this one.'
    )
  }
  return EXIT.done
}

function brokenLog({ seq, problem, records }: AuditVerdict & { state: 'broken' }): CliError {
  return new CliError(
    'CLI_AUDIT_BROKEN',
    `the audit log breaks at record ${seq}: ${PROBLEMS[problem]}. ${count(records, 'record')} before it ${
      records === 1 ? 'is' : 'are'
    } as written`,
    { next: ['audit list'] }
  )
}

function verdictRecord(verdict: AuditVerdict): unknown {
  if (verdict.state === 'broken' || verdict.head === undefined) return verdict
  return { ...verdict, head: headText(verdict.head) }
}

function headText({ seq, digest }: AuditHead): string {
  return `${seq}:${digest}`
}

function parseHead(text: string): AuditHead {
  const [, seq, digest] = /^([1-9]\d{0,14}):([0-9a-f]{64})$/.exec(text) ?? []
  if (seq === undefined || digest === undefined) {
    throw new InvalidArgumentError('It must be a head as `cis audit verify` prints it, such as 12:5f0c….')
  }
  return { seq: Number(seq), digest }
}
