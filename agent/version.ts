/** Put in by the bundler; plain source runs have none. */
declare const __EUCORA_AGENT_VERSION__: string | undefined;

export const AGENT_VERSION: string =
  typeof __EUCORA_AGENT_VERSION__ === 'string' ? __EUCORA_AGENT_VERSION__ : '0.1.0-dev';

/** What a version may look like: it names a folder, so nothing that could lead elsewhere. */
export const VERSION_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;
