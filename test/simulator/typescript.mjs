/*
 * Lets Node run this folder and the packages' sources as they are, for commands that run for a long time: see
 * `typescript-hooks.mjs`.
 */
import { register } from 'node:module'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) register('./typescript-hooks.mjs', import.meta.url)
