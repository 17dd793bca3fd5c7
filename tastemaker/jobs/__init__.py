"""The queue on `background_jobs`: enqueue in the caller's transaction, claim in batches, fence by attempt."""
