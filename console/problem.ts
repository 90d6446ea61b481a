import { type Problem, problemSchema } from '../contracts/http/problem.ts';

/** An answer of the API that is not what was asked for. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly problem: Pick<Problem, 'status' | 'code' | 'title' | 'detail' | 'correlation_id' | 'errors'>;

  constructor(problem: ApiProblem['problem']) {
    super(problem.detail);
    this.problem = problem;
  }

  static async of(response: Response): Promise<ApiProblem> {
    const parsed = problemSchema.safeParse(await response.json().catch(() => undefined));
    return new ApiProblem(
      parsed.data ?? {
        status: response.status,
        code: 'internal-error',
        title: 'The platform made a mistake',
        detail: 'Its answer could not be read. Try again.',
        correlation_id: '',
      },
    );
  }
}
