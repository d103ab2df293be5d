"""Compares the venue's ledger with the OMS database, order by order and fill by fill."""
