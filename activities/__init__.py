"""ACT. Each class takes its ports; do stands beside undo beside inquire."""
