/** Memories in one request of an import; `importMarkdown` sends as many requests as it takes. */
export const MAX_IMPORT_ITEMS: number = 256
