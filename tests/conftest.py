"""Strict arithmetic for every test: no silent broadcasting, no silent promotion."""

import jax

from headstart.commands.compiled import keep_compiled

keep_compiled()
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
