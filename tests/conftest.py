"""For all tests: how long an example takes is no matter of the property, and machines are noisy.

A worker tries at its start whether each workflow loads in the sandbox. Once in a process is enough for all the workers
that the tests start: it was a fifth of their time. So is reading the certificates of the world's authorities, which
takes every client of HTTP longer than most of what tests ask.

A property is tried with few examples here, with as many as `ORDERSAGA_EXAMPLES` says in `make properties`.
"""

import os
import ssl
from collections.abc import Iterator
from functools import cache

import httpx
import pytest
from httpx._transports import default as transports
from hypothesis import HealthCheck, settings
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner
from temporalio.workflow import _Definition

EXAMPLES = int(os.environ.get("ORDERSAGA_EXAMPLES", "40"))
settings.register_profile("patient", max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def tried_once() -> Iterator[None]:
    """Every workflow of the suite is tried at the start of the first worker that runs it."""
    tried, try_it = set[type](), SandboxedWorkflowRunner.prepare_workflow

    def prepare(runner: SandboxedWorkflowRunner, workflow: _Definition) -> None:
        if workflow.cls not in tried:
            try_it(runner, workflow)
            tried.add(workflow.cls)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SandboxedWorkflowRunner, "prepare_workflow", prepare)
        yield


@pytest.fixture(scope="session", autouse=True)
def read_once() -> Iterator[None]:
    """The usual certificates are read for the first client of the suite; who brings others has those."""
    usual = cache(httpx.create_ssl_context)

    def context(verify: ssl.SSLContext | bool = True, cert: None = None, trust_env: bool = True) -> ssl.SSLContext:
        return usual(trust_env=trust_env) if verify is True else httpx.create_ssl_context(verify, cert, trust_env)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transports, "create_ssl_context", context)
        yield
