/**
 * A port to begin looking at, below those that systems hand out to connections and to whoever asks for any. What is
 * given up for a while, by a server that is killed and started again, is then not taken by a stranger meanwhile.
 */
export const lastingPort = (): number => 20_000 + Math.floor(Math.random() * 12_000);
