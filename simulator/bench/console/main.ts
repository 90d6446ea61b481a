import { answerParent } from '../parts/child.ts';
import { startBarePage } from './floor.tsx';

answerParent<'start', number>(startBarePage);
