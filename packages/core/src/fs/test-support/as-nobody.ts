/** Root may do everything, so root becomes somebody else for this. */
export async function asNobody(body: () => Promise<void>): Promise<void> {
  const { seteuid, setegid } = process;
  if (process.getuid?.() !== 0 || seteuid === undefined || setegid === undefined) return body();
  setegid(65_534);
  seteuid(65_534);
  try {
    await body();
  } finally {
    seteuid(0);
    setegid(0);
  }
}
