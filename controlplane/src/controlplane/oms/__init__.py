"""Order management system: one row of truth per order and per fill, from the order events of every router."""
