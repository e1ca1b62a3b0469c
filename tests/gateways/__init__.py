"""Every gateway against its emulated company, over real HTTP."""
