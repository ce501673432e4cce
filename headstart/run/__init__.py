"""Training, evaluation, checkpoints, records and the ledger of target episodes."""
