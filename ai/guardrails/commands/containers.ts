import { partOf } from '../parts.ts';

const MOUNT = /^(\/[^:]*|~[^:]*|\$[^:]*):(\/[^:]*)/;

/** The command that a new container runs, by the folders of its host that it reaches; empty when it reaches none. */
export function runContainer(args: readonly string[]): string[] {
  const mounts: (readonly [source: string, target: string])[] = [];
  let at = 0;
  for (; at < args.length && partOf(args, at).startsWith('-'); at += 1) {
    const arg = partOf(args, at);
    const [flag = '', glued] = arg.split(/=(.*)/s);
    const valued =
      /^-[vewuplhmc]$|^-it?[vewu]$|^--(?:volume|mount|env|env-file|workdir|user|publish|label|hostname|name|network|net|pid|ipc|entrypoint|memory|cpus|device|add-host|restart|security-opt|cap-add|cap-drop|platform|pull|ulimit|tmpfs|log-driver|log-opt|dns|shm-size|runtime|gpus)$/.test(
        flag,
      ) && glued === undefined;
    const value = glued ?? (valued ? partOf(args, at + 1) : '');
    if (valued) at += 1;
    const mount =
      MOUNT.exec(value) ??
      (/^--mount/.test(flag)
        ? /(?=.*\b(?:source|src)=([^,]+))(?=.*\b(?:target|dst|destination)=([^,]+))/.exec(value)
        : null);
    if (mount !== null) mounts.push([partOf(mount, 1), partOf(mount, 2)]);
  }
  const onHost = (word: string): string => {
    for (const [source, target] of mounts)
      if (word === target || word.startsWith(`${target.replace(/\/$/, '')}/`))
        return `${source.replace(/\/$/, '')}${word.slice(target.replace(/\/$/, '').length)}` || '/';
    return word.startsWith('/') && !/\s/.test(word) ? `/run/container${word}` : word;
  };
  const [program = '', ...rest] = args.slice(at + 1);
  if (program === 'nsenter' || (program === 'chroot' && mounts.length > 0)) return [program, ...rest];
  if (mounts.length === 0 || program === '') return [];
  return [
    program,
    ...rest.map((word) =>
      /\s/.test(word)
        ? mounts.reduce(
            (text, [source, target]) =>
              text.replaceAll(
                new RegExp(
                  `(?<=[\\s'"=]|^)${target.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\/$/, '')}(?=[/\\s'"]|$)`,
                  'g',
                ),
                () => source.replace(/\/$/, '') || '/.',
              ),
            word,
          )
        : onHost(word),
    ),
  ];
}
