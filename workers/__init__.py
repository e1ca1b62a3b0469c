"""RUN. Which process polls which queue."""
