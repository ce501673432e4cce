"""Where experience comes from and is kept: the rollout seam, replay, demonstrations."""
