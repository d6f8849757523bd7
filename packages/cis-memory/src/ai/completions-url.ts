const EXAMPLE = 'a URL such as https://api.openai.com/v1'

/** Where the chat completions below a base URL lie. @throws {TypeError} for one that nothing may be sent to */
export function completionsUrl(baseUrl: string): URL {
  const problem = baseUrlProblem(baseUrl)
  if (problem !== undefined) throw new TypeError(`baseUrl: expected ${problem}`)
  return new URL(textOf(baseUrl))
}

/** What a base URL would have to be; `undefined` for one that is as it should be. */
export function baseUrlProblem(baseUrl: string): string | undefined {
  const text = textOf(baseUrl)
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) return EXAMPLE
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    return 'a URL without a user, a query and a fragment'
  }
  const isHere = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  if (url.protocol === 'http:' && !isHere) {
    return 'https, unless the model runs on this machine: memory would be sent in the clear'
  }
  return undefined
}

function textOf(baseUrl: string): string {
  return `${baseUrl.replace(/\/+$/, '')}/chat/completions`
}
