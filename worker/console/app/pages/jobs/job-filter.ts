/** The filter of a list of jobs as the API takes it; empty texts filter nothing. */
export const filterOf = (status: string, batch: string) => ({
  ...(status !== "" && { status }),
  ...(batch !== "" && { batch_id: batch }),
});
