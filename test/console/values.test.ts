import { Stack } from '../../console/components/chart.tsx';
import { Field } from '../../console/components/form.tsx';
import { duration, niceScale, short } from '../../console/components/scale.ts';
import { leavesOf } from '../../console/components/values.tsx';
import { requestOf } from '../../console/pages/deploy.tsx';
import { createDeploymentSchema } from '../../contracts/deployment/deployment.ts';

describe('Leaves of a value', () => {
  it('have paths, and lists of plain values are one leaf', () => {
    expect(leavesOf({ a: { b: 1, c: [1, 'x'] }, d: [{ e: true }, { e: null }], f: {}, g: [] })).toEqual([
      ['a.b', '1'],
      ['a.c', '1, x'],
      ['d.1.e', 'true'],
      ['d.2.e', '–'],
      ['f', 'none'],
      ['g', 'none'],
    ]);
  });

  it('are none of nothing, and one of a plain value', () => {
    expect([leavesOf(null), leavesOf({}), leavesOf('x')]).toEqual([[], [], [['', 'x']]]);
  });

  it('end at a depth', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 20; level += 1) deep = { a: deep };
    const [[path, value] = ['', '']] = leavesOf(deep);
    expect(path).toBe('a.a.a.a.a.a');
    expect(JSON.parse(value)).toBeDefined();
  });
});

describe('Scales', () => {
  it.each([
    [0, [0, 1]],
    [1, [0, 1]],
    [7, [0, 2, 4, 6, 8]],
    [97, [0, 50, 100]],
    [100_000, [0, 50_000, 100_000]],
    [12_345, [0, 5_000, 10_000, 15_000]],
  ])('go to %p in round steps', (highest, marks) => {
    const scale = niceScale(highest);
    expect([scale.marks, scale.top]).toEqual([marks, marks.at(-1)]);
  });

  it('have short words', () => {
    expect([0, 950, 1_500, 100_000, 2_000_000].map(short)).toEqual(['0', '950', '1.5k', '100k', '2M']);
    expect([1_000, 300_000, 7_200_000, 86_400_000 * 7].map(duration)).toEqual([
      '1 min',
      '5 min',
      '2 h',
      '7 d',
    ]);
  });
});

describe('A deployment asked for by a form', () => {
  it('has three rings unless a plan is named', () => {
    expect(requestOf('p', { tag: 'site=zurich', first: '5', percent: '10', soak_minutes: '2' })).toEqual({
      pipeline_id: 'p',
      selection: { tag: 'site=zurich' },
      plan: {
        rings: [
          { name: 'first', size: { count: 5 }, soak_seconds: 120 },
          { name: 'second', size: { percent: 10 }, soak_seconds: 120 },
          { name: 'rest', size: { rest: true }, soak_seconds: 120 },
        ],
      },
    });
    // A field that was cleared is not filled in behind the operator's back: the API refuses it.
    expect(JSON.parse(JSON.stringify(requestOf('p', { first: '5', soak_minutes: '2' })))).toMatchObject({
      plan: { rings: [{ size: { count: 5 } }, { size: { percent: null } }, { size: { rest: true } }] },
    });
    expect(requestOf('p', { plan_name: 'careful' })).toEqual({
      pipeline_id: 'p',
      selection: {},
      plan_name: 'careful',
    });
  });
});

describe('A stacked chart', () => {
  const minute = 60_000;
  const series = (values: number[]) => [{ name: 'a', tone: 'good', values }];
  const draw = (values: number[], step = 10 * minute) =>
    String(Stack({ title: 'T', times: values.map((_value, index) => index * step), series: series(values) }));
  const pointsIn = (html: string) => /points="([^"]*)"/.exec(html)?.[1]?.split(' ') ?? [];

  it('draws no point between two of the same height, and every change', () => {
    expect(pointsIn(draw([5, 5, 5, 5, 5]))).toHaveLength(4);
    expect(pointsIn(draw([5, 5, 1, 5, 5]))).toHaveLength(7);
  });

  it('draws some 145 moments at most, the last one among them', () => {
    const many = Array.from({ length: 1_000 }, (_, index) => index % 7);
    const points = pointsIn(draw(many));
    expect(points.length).toBeLessThan(300);
    expect(draw(many)).toContain(`now: a ${999 % 7}`);
  });

  it('says so when there is too little to draw', () => {
    expect(draw([])).toContain('comes with time');
    expect(draw([1, 2], 1_000)).toContain('comes with time');
  });
});

it('numbers are whole in forms, and half a device is refused in words that say so', () => {
  expect(String(Field({ name: 'first', label: 'Devices', type: 'number', min: 1 }))).toContain('step="1"');
  expect(String(Field({ name: 'tag', label: 'Tag' }))).not.toContain('step');
  const form = { first: '0.5', percent: '20', soak_minutes: '60' };
  const judged = createDeploymentSchema.safeParse(requestOf('01920f5e-7d2c-7c3a-9b1e-4f6a8d2e5c01', form));
  expect(judged.error?.issues).toEqual([
    expect.objectContaining({
      path: ['plan', 'rings', 0, 'size'],
      message: expect.stringContaining('a whole number of devices, 1 or more'),
    }),
  ]);
});
