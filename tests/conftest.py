"""Strict arithmetic for every test: no silent broadcasting, no silent promotion."""

import jax
import pytest

from headstart.commands.compiled import keep_compiled

keep_compiled()
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")


@pytest.fixture(scope="module", autouse=True)
def compiled_programs_go():
    """Frees what a module compiled: each program is mapped memory, of which a process may have 65,530 pieces."""
    yield
    jax.clear_caches()
