/** Asks again until it holds; throws what the last attempt threw. The limit is for what never comes, not for slow machines. */
export async function eventually<T>(attempt: () => Promise<T> | T, seconds = 60): Promise<T> {
  const end = Date.now() + seconds * 1_000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }
}
