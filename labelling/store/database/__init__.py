"""The label store's database: where it is, connections, tables, versions, errors."""
