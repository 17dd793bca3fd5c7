"""Searches: start, run page by page, resume, watch, read. A search is a row of `scraping_jobs`."""
