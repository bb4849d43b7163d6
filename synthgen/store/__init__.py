"""Store: what is on disk and how it gets there whole: rows, ledger, manifests, locks, published folders."""
