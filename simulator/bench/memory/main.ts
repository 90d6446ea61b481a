import { answerParent } from '../parts/child.ts';
import { type Held, Holder, type Holding } from './holder.ts';

export type HolderCommand = { readonly hold: Holding } | { readonly release: true };

const holder = new Holder();

answerParent<HolderCommand, Held | 'released'>(async (command) => {
  if ('hold' in command) return holder.hold(command.hold);
  holder.release();
  return 'released';
});
