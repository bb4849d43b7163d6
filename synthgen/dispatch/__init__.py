"""Dispatch: sends requests to teachers at the pace they bear, each reply into the ledger before it is used."""
