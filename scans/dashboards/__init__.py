"""The read side of scans: one module a page, typed frozen page models within a query budget. Nothing here writes."""
