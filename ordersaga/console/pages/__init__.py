"""The pages, a module each: `routes` is what it answers. Handlers ask the API and render its answer, nothing else."""
