"""One suite per port, run on the fake and on the real adapter: both must keep the same promises."""
