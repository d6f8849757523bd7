/*
 * The file of the MCP memory server: JSON lines, each an entity with its observations or a relation between two.
 */
import * as v from 'valibot'
import type { ImportItem } from '../operations/contract.ts'
import { text } from '../validation.ts'

export interface Entity {
  readonly name: string
  readonly entityType: string
  readonly observations: readonly string[]
}

export interface Relation {
  readonly from: string
  readonly to: string
  readonly relationType: string
}

export const entityLine: v.GenericSchema<Entity> = v.object({
  name: text,
  entityType: v.string(),
  observations: v.array(v.string())
})

export const relationLine: v.GenericSchema<Relation> = v.object({ from: text, to: text, relationType: text })

/**
 * One memory an entity, named after it, with the relations that lead from it: what an agent asks about a thing is in
 * one place. A relation from something that is no entity makes one.
 */
export function planGraph(
  entities: readonly Entity[],
  relations: readonly Relation[]
): readonly ImportItem[] {
  const known = new Map(entities.map((entity) => [entity.name, entity]))
  const outgoing = new Map([...known.keys()].map((name): [string, JsonRelation[]] => [name, []]))
  for (const { from, to, relationType } of relations) {
    const ofThis = outgoing.get(from) ?? []
    ofThis.push({ relationType, to })
    outgoing.set(from, ofThis)
  }
  const taken = new Set<string>()
  return [...outgoing].map(([name, relationsOfIt]) => {
    const wanted = name.replaceAll('/', '-')
    let path = wanted
    for (let n = 2; taken.has(path); n++) path = `${wanted}-${n}`
    taken.add(path)
    const { entityType, observations = [] } = known.get(name) ?? {}
    const type = entityType === undefined || entityType === '' ? {} : { entityType }
    return {
      path,
      value: { name, ...type, observations: [...observations], relations: relationsOfIt },
      ...(type.entityType !== undefined && { category: type.entityType })
    }
  })
}

type JsonRelation = Omit<Relation, 'from'>
