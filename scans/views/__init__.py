"""The pages of scans, by subject. Each view parses, asks one dashboard or service, and renders."""
